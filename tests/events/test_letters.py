"""A dead letter: what its headers keep, and that no way out gives personal data away."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_stream.events.identity import Position
from openride_stream.events.letter_views import event_type_of, letter_row, masked_fields, shown
from openride_stream.events.letters import Letter
from openride_stream.events.rejects import Reject
from tests.events.batches import NOW_MS, POLICY, FakeRecord

TOPIC = "openride.events.user"
KEY = POLICY.pii_key
LIMIT = POLICY.max_record_bytes
PHONE = "+2348012345678"


def letter_of(record: FakeRecord, now_ms: int = NOW_MS) -> Letter:
    return Letter.of(TOPIC, 2, Reject(record, "InvalidField", "role: wrong"), "worker-1", now_ms)


def read_back(letter: Letter, offset: int = 5) -> Letter:
    headers = letter.dead_letter_headers()
    return Letter.read(FakeRecord(letter.value, offset, letter.timestamp_ms, letter.key, headers), TOPIC, 2)


def test_what_is_written_is_read_back() -> None:
    letter = letter_of(FakeRecord(b"{}", 41, NOW_MS - 7, b"k", [("trace", b"1"), ("trace", b"2")]))
    found = read_back(letter)
    assert found == Letter(
        topic=TOPIC,
        partition=2,
        offset=5,
        timestamp_ms=NOW_MS,
        first=Position(TOPIC, 2, 41, NOW_MS - 7),
        first_seen_ms=NOW_MS,
        attempts=1,
        error="InvalidField",
        message="role: wrong",
        worker="worker-1",
        key=b"k",
        value=b"{}",
        headers=[("trace", b"1"), ("trace", b"2")],
    )


def test_a_redriven_record_that_fails_again_counts_on_and_keeps_its_origin() -> None:
    first = letter_of(FakeRecord(b"{}", 41, NOW_MS - 7, headers=[("trace", b"1")]))
    again = FakeRecord(b"{}", 900, NOW_MS + 5_000, headers=read_back(first).redrive_headers())
    second = letter_of(again, NOW_MS + 6_000)
    assert (second.attempts, second.first, second.first_seen_ms) == (2, first.first, NOW_MS)
    assert second.timestamp_ms == NOW_MS + 6_000
    assert list(second.headers) == [("trace", b"1")]
    assert len(dict(second.dead_letter_headers())) == len(second.dead_letter_headers())


def test_headers_that_name_no_position_do_not_become_one() -> None:
    forged = [("dlq.topic", b"x"), ("dlq.partition", b"-1"), ("dlq.offset", b""), ("dlq.timestamp", b"z")]
    forged.append(("dlq.first_seen", b"1"))
    letter = letter_of(FakeRecord(b"{}", 41, NOW_MS, headers=forged))
    assert letter.first == Position(TOPIC, 2, 41, NOW_MS)
    assert letter.first_seen_ms == NOW_MS


def test_only_masked_fields_length_and_hash_get_out() -> None:
    secrets = {"phone": PHONE, "email": "ada@example.org", "full_name": "Ada L.", "ip_address": "10.1.2.3"}
    event = {"event_type": "user.registered", "nested": [{"deep": dict(secrets)}], **secrets}
    value = orjson.dumps(event)
    letter = letter_of(FakeRecord(value, key=PHONE.encode(), headers=[("who", b"ada@example.org")]))
    seen, row = orjson.dumps(shown(letter, KEY, LIMIT)), orjson.dumps(letter_row(letter, KEY, LIMIT))
    for text in (seen, row):
        assert not [secret for secret in secrets.values() if secret.encode() in text]
    assert orjson.loads(seen)["fields"]["event_type"] == "user.registered"
    assert orjson.loads(seen)["value_bytes"] == len(value)
    assert len(orjson.loads(seen)["value_sha256"]) == 64


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", f"phone {PHONE}".encode(), f'"{PHONE}"'.encode(), b"[1]"]
)
def test_what_is_no_object_shows_nothing_of_itself(value: bytes | None) -> None:
    seen = shown(letter_of(FakeRecord(value)), KEY, LIMIT)
    assert seen["fields"] is None
    assert PHONE not in orjson.dumps(seen).decode()


def test_a_record_over_the_limit_is_not_parsed_and_a_long_one_is_not_in_the_table() -> None:
    value = orjson.dumps({"event_type": "user.activity", "note": "x" * 70_000})
    letter = letter_of(FakeRecord(value))
    assert masked_fields(letter, KEY, 1_000) is None
    row = letter_row(letter, KEY, LIMIT)
    assert (row["fields"], row["event_type"], row["value_bytes"]) == ("", "user.activity", len(value))


def test_numbers_stay_as_they_were_sent() -> None:
    value = b'{"a": 1.10, "b": 1e999, "c": 123456789012345678901234567890}'
    text = orjson.dumps(shown(letter_of(FakeRecord(value)), KEY, LIMIT))
    assert b'{"a":1.10,"b":1e999,"c":123456789012345678901234567890}' in text


@given(
    st.one_of(st.none(), st.binary(max_size=60), st.just(b"[" * 9_000), st.just(b'{"event_type": 7}')),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["dlq.topic", "dlq.offset", "dlq.attempts", "dlq.first_seen", "dlq.timestamp", ""]
            ),
            st.one_of(st.none(), st.binary(max_size=30), st.integers().map(lambda n: b"%d" % n)),
        ),
        max_size=6,
    ),
    st.integers(-1, 2**62),
)
def test_no_record_can_make_it_fail(value: bytes | None, headers: list, timestamp: int) -> None:  # type: ignore[type-arg]
    record = FakeRecord(value, timestamp=timestamp, headers=headers)
    for letter in (letter_of(record), Letter.read(record, TOPIC, 0)):
        orjson.dumps([shown(letter, KEY, LIMIT), letter_row(letter, KEY, LIMIT)])
        read_back(letter)


def test_only_a_short_string_is_an_event_type() -> None:
    assert event_type_of('{"event_type":"x"}') == "x"
    for text in ('{"event_type":7}', "{}", None, f'{{"event_type":"{"x" * 200}"}}'):
        assert event_type_of(text) == ""

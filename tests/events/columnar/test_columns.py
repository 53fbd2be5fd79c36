"""Columns hold exactly what rows would: whatever the bytes are, both ways come to the same verdicts."""

import json
import re
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openride_stream.events import scalars
from openride_stream.events.accept import Accepted, accept
from openride_stream.events.columnar import kernel, programs, texts
from openride_stream.events.decode import decode
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import EVENT_SHAPES
from openride_stream.events.rejects import Reject
from openride_stream.events.topics import TOPICS
from openride_stream.transport import placing
from openride_stream.transport.placing import placed
from tests.events.batches import NOW_MS, POLICY, FakeRecord, topic_of
from tests.events.columnar.as_rows import rows_of
from tests.events.strategies import kinds, wild_batches
from tests.transport import wire

STEPS = ("FIXED", "MARK", "UUID", "TIME", "STRING", "LITERAL", "NUMBER", "MONEY")
LOCATION = "openride.events.location"
READABLE = [
    name for name in (*EVENT_SHAPES, EXECUTION_NAME) if name not in ("route.created", "route.updated")
]
"""What has an example that holds no array."""

placing.load()


def batch_of(topic: str, values: Sequence[bytes | None], timestamp_ms: int = NOW_MS) -> RecordBatch:
    records = [FakeRecord(value, offset, timestamp_ms) for offset, value in enumerate(values)]
    return RecordBatch(topic, 3, records)


def both_ways(topic: str, values: Sequence[bytes | None]) -> Accepted:
    """The values read by columns wherever that can be done, after a comparison with the other way."""
    return compared(batch_of(topic, values))


def compared(batch: RecordBatch) -> Accepted:
    expected = decode(batch, POLICY, NOW_MS)
    found = accept(batch, POLICY, NOW_MS, least_records=1)
    where_they_stand = accept(as_fetched(batch), POLICY, NOW_MS, least_records=1)
    for each in (found, where_they_stand):
        assert _sorted(rows_of(each)) == _sorted(expected.rows)
        assert _verdicts(each.rejects) == _verdicts(expected.rejects)
    assert in_columns(where_they_stand) == in_columns(found)
    return found


def as_fetched(batch: RecordBatch) -> RecordBatch:
    """The same records in the bytes of a fetch."""
    sent = [(each.offset, each.timestamp, each.key, each.value, [*each.headers]) for each in batch.records]
    partition = placed(wire.batch(sent), 0, least_records=0)
    assert partition is not None
    return RecordBatch(batch.topic, batch.partition, partition.take(None))


def _verdicts(rejects: Sequence[Reject]) -> list[tuple[int, str, str]]:
    return [(each.record.offset, each.error, each.message) for each in rejects]


def _sorted(rows: Sequence[dict[str, Any]]) -> list[bytes]:
    return [orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in rows]


def in_columns(found: Accepted) -> int:
    return sum(map(len, found.columns))


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize("dumps", [orjson.dumps, lambda event: json.dumps(event).encode()])
def test_events_that_are_alike_come_as_columns(name, dumps):
    found = both_ways(topic_of(name), [dumps(example(name))] * 3)
    assert (in_columns(found), len(found.rows)) == (3, 0)


def test_one_odd_record_keeps_none_of_the_others_from_being_columns():
    good = orjson.dumps(example("driver.location.updated"))
    odd = [
        good.replace(b"trip_id", b"trip_Id"),
        good[:-1],
        good + b" ",
        b"",
        None,
        b"[]",
        good.replace(b"lat", b"Lat"),
    ]
    values = [value for each in odd for value in (good, each)]
    found = both_ways(LOCATION, values)
    assert in_columns(found) >= len(odd)


def test_a_null_in_some_records_keeps_no_other_from_being_columns():
    usual = example("driver.location.updated")
    odd = [usual | {name: None} for name in ("city", "trip_id", "speed_kmh", "schema_version")]
    for event in odd:
        values = [orjson.dumps(each) for each in (event, event, usual, usual)]
        assert in_columns(both_ways(LOCATION, values)) == 4


def test_a_name_with_a_dot_is_not_that_of_a_value_within_an_object():
    usual = example("user.activity")
    bare = {name: usual[name] for name in usual if name not in ("location", "device_info", "ip_address")}
    collision = orjson.dumps({"location.x": 1, **bare, "location": {"x": 2}, "z": 3})
    hidden = collision.replace(b'"x":2}', b'"x":2,"phone":"+2348012345678"}')
    broken = [collision.replace(b"1,", b"1 1,"), collision.replace(b'"x":2}', b'"x":bogus}')]
    found = both_ways("openride.events.user", [collision, hidden, *broken, orjson.dumps(usual)])
    assert b"+2348012345678" not in b"".join(row["payload"].encode() for row in rows_of(found))


@pytest.mark.parametrize(
    "written", [b"1.0", b"0.0", b"-0.0", b"0", b"1", b"null", b'"true"', b"True", b"false"]
)
def test_only_true_and_false_are_flags(written):
    flags = {"trip.cancelled": b'"was_started":', "trip.completed": b'"on_time":'}
    for name, field in flags.items():
        value = orjson.dumps(example(name))
        both_ways(topic_of(name), [value, value.replace(field + b"true", field + written), value])


@pytest.mark.parametrize("number", [b"-0", b"-0.0", b"0", b"1e19", b"-1", b"5e-324", b"0.30000000000000004"])
def test_numbers_at_the_edges(number):
    ping = orjson.dumps(example("driver.location.updated"))
    paid = orjson.dumps(example("payment.success"))
    both_ways(LOCATION, [ping, ping.replace(b"38.5", number)])
    both_ways(
        topic_of("payment.success"),
        [paid, re.sub(rb'"processing_time_ms":\d+', b'"processing_time_ms":' + number, paid)],
    )


def test_a_record_of_very_many_fields_is_a_row_and_keeps_no_other_from_being_columns():
    ping = orjson.dumps(example("driver.location.updated"))
    many = ping[:-1] + b"".join(b',"%x":1' % field for field in range(5000)) + b"}"
    assert in_columns(both_ways(LOCATION, [many, ping, ping])) == 2


def test_a_longer_record_is_not_of_a_shorter_ones_shape():
    event = example("driver.location.updated")
    short = {
        name: event[name]
        for name in event
        if name not in ("trip_id", "speed_kmh", "bearing", "accuracy_meters")
    }
    longer = short | event
    values = [orjson.dumps(each) for each in (short, longer, longer)]
    assert in_columns(both_ways(LOCATION, values)) == 3
    assert in_columns(both_ways(LOCATION, values[1:])) == 2


EXECUTIONS = topic_of(EXECUTION_NAME)
EXECUTION = example(EXECUTION_NAME)


@pytest.mark.parametrize(
    "odd",
    [
        {"execution_result": None},
        {"execution_result": "timeout", "level": None},
        {"execution_result": "retry", "level": "error"},
        {"completed_at": None, "total_processing_time_ms": None},
        {"retry_count": None},
        {"error_message": ""},
        {"error_message": 'no "answer" of caf\u00e9\n'},
        {"schedule_id": "\u00d6"},
        {"schedule_type": None},
        {"update": False},
        {"update": None},
        {"city": "Lagos", "state": None},
        {"event_type": "booking.created", "event_id": "none", "event_timestamp": 3, "offset": 1},
        {"phone": "+2348012345678", "x": {"y": 1}},
    ],
)
def test_executions_come_as_columns_with_what_follows_from_their_fields(odd: dict[str, Any]) -> None:
    bare = {
        name: value for name, value in (EXECUTION | odd).items() if name not in ("level", "schema_version")
    }
    for event in (EXECUTION | odd, bare | odd):
        values = [json.dumps(each, ensure_ascii=False).encode() for each in (event, EXECUTION, event, event)]
        assert not both_ways(EXECUTIONS, values).rejects


def test_an_execution_without_times_that_it_took_has_them_from_its_record() -> None:
    kept = {
        name: value
        for name, value in EXECUTION.items()
        if name not in ("completed_at", "total_processing_time_ms", "execution_result", "level")
    }
    found = both_ways(EXECUTIONS, [orjson.dumps(kept)] * 3)
    assert in_columns(found) == 3
    assert {row["completed_at"] for row in rows_of(found)} == {NOW_MS}


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ({"execution_result": "failure", "error_message": "no answer"}, 3),
        ({"retry_count": 2, "level": None}, 3),
        ({"retry_count": None}, 0),
        ({"schedule_name": None}, 0),
        ({"schedule_type": "redis_immediate", "completed_at": "2026-03-02T11:00:00Z"}, 3),
        ({"schedule_type": "mongo_periodic", "retry_count": 2}, 0),
        ({"city": "Lagos"}, 0),
    ],
)
def test_updates_come_as_columns_if_they_change_anything(change: dict[str, Any], columns: int) -> None:
    update = {
        "update": True,
        "analytics_id": EXECUTION["analytics_id"],
        "event_id": EXECUTION["analytics_id"],
    }
    found = both_ways(EXECUTIONS, [orjson.dumps(update | change)] * 3)
    assert (in_columns(found), len(found.rejects)) == (columns, 3 - columns)
    derived = {name: value for name, value in update.items() if name != "event_id"}
    assert in_columns(both_ways(EXECUTIONS, [orjson.dumps(derived | change)] * 3)) == 0


def test_the_text_of_a_masked_update_is_the_same_both_ways() -> None:
    update = {"update": True, "analytics_id": EXECUTION["analytics_id"], "retry_count": 2, "phone": "+234801"}
    known = update | {"event_id": EXECUTION["analytics_id"]}
    for event in (known, known | {"error_message": "a \\ b"}, known | {"x": {"phone": "+234802"}}):
        found = both_ways(EXECUTIONS, [json.dumps(event).encode()] * 3)
        assert not any("+2348" in row["payload"] for row in rows_of(found))


def test_an_execution_that_was_sent_again_was_written_when_it_was_sent_first() -> None:
    names = ("dlq.topic", "dlq.partition", "dlq.offset", "dlq.timestamp")
    first = (EXECUTIONS.encode(), b"0", b"7", str(NOW_MS - 60_000).encode())
    redriven = [*zip(names, first, strict=True)]
    records = [
        FakeRecord(orjson.dumps(EXECUTION), number, NOW_MS, headers=headers)
        for number, headers in enumerate((redriven, (), [("trace", b"1")], ()))
    ]
    found = compared(RecordBatch(EXECUTIONS, 3, records))
    assert in_columns(found) == 2
    assert rows_of(found)[0]["record_timestamp"] == NOW_MS - 60_000


def test_the_shape_of_one_tier_is_none_of_another() -> None:
    values = [orjson.dumps(EXECUTION)] * 3
    assert in_columns(both_ways(EXECUTIONS, values)) == 3
    assert len(both_ways("openride.schedules.mongo", values).rejects) == 3


def test_long_strings_are_not_kept():
    usual = example("user.activity")
    long = [orjson.dumps(usual | {"activity_type": f"{number}" + "é" * 5000}) for number in range(3)]
    both_ways("openride.events.user", long)
    kept = texts.texts_of("user.activity", "activity_type")
    assert max(map(len, kept), default=0) <= 64


def test_the_loop_has_the_constants_of_the_modules_around_it():
    assert [getattr(kernel, name) for name in STEPS] == [getattr(programs, name) for name in STEPS]
    assert kernel.FIRST_TIMESTAMP_MS == scalars.FIRST_TIMESTAMP_MS
    assert kernel.END_TIMESTAMP_MS == scalars.END_TIMESTAMP_MS


def test_a_batch_of_few_records_of_a_shape_comes_as_rows():
    found = accept(batch_of(LOCATION, [orjson.dumps(example("driver.location.updated"))] * 5), POLICY, NOW_MS)
    assert (in_columns(found), len(found.rows)) == (0, 5)


def test_what_is_too_late_or_too_far_ahead_is_rejected_as_ever():
    good = orjson.dumps(example("driver.location.updated"))
    stamp = example("driver.location.updated")["event_timestamp"].encode()
    late, ahead = good.replace(stamp, b"2026-01-01T00:00:00Z"), good.replace(stamp, b"2026-03-04T00:00:00Z")
    assert {each.error for each in both_ways(LOCATION, [good, late, ahead, good]).rejects} == {
        "too_late",
        "TimestampTooFarAhead",
    }


@pytest.mark.parametrize("text", ["NaN", "phone", "ip_address", "location", "{", "a]", "é", "", "-Infinity"])
def test_the_text_of_a_masked_record_is_the_same_both_ways(text):
    """Its personal values are replaced in the text, or in a document where the text might mislead."""
    usual = example("user.activity")
    odd = [
        usual | {"activity_type": text},
        usual | {"device_info": {"os": text}},
        usual | {"ip_address": text},
    ]
    values = [json.dumps(event, ensure_ascii=False).encode() for event in (usual, *odd, usual)]
    found = both_ways("openride.events.user", values)
    assert in_columns(found) >= 2


@settings(max_examples=80, deadline=None)
@given(wild_batches())
def test_batches_of_anything(batch):
    both_ways(*batch)


@st.composite
def alike(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Events of one type and of few shapes, in the spelling of one producer."""
    name = draw(st.sampled_from(READABLE))
    drawn = draw(st.lists(draw(st.sampled_from(kinds(name))), min_size=1, max_size=4))
    if draw(st.booleans()):
        names = set.intersection(*(set(event) for event in drawn))
        drawn = [{key: event[key] for key in event if key in names} for event in drawn]
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    return topic_of(name), [
        json.dumps(event, separators=separators, ensure_ascii=False).encode() for event in drawn
    ]


@settings(max_examples=100, deadline=None)
@given(alike())
def test_valid_events_of_every_spelling(batch):
    assert not both_ways(*batch).rejects


_PRINTED = rb"""" \ , : { } [ ] 0 9 - . + e E5 null true NaN 1e999 Z z T g 00 1,2 -0 1.50 2.0 "phone":"+1" """
_UNPRINTED = [b"", b" ", b"\n", b"\t", b"\x00", b"\x7f", b"\xc3", b"\xed\xa0\x80", "é".encode()]
_SNIPPETS = st.sampled_from([*_UNPRINTED, *_PRINTED.split(), b'","a":"', b'"lat":1,'])


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Copies of one event, some of them with a snippet put in the place of some bytes."""
    name = draw(st.sampled_from(READABLE))
    value = orjson.dumps(example(name))
    values = []
    for _ in range(draw(st.integers(1, 6))):
        begin = draw(st.integers(0, len(value)))
        end = min(len(value), begin + draw(st.sampled_from([0, 1, 1, 2, 5, 36])))
        values.append(value[:begin] + draw(_SNIPPETS) + value[end:])
    return topic_of(name), [value, *values, value]


@settings(max_examples=150, deadline=None)
@given(damaged())
def test_damaged_records_get_the_verdict_they_deserve(batch):
    both_ways(*batch)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([topic.name for topic in TOPICS]), st.lists(st.binary(max_size=30), max_size=5))
def test_no_bytes_make_it_raise(topic, values):
    values = [*values, b"{}"]
    found = accept(batch_of(topic, values), POLICY, NOW_MS, least_records=1)
    assert len(found) + len(found.rejects) == len(values)


def test_rows_look_at_each_record_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it stands in a fetch, it is made at each look, which costs as much as a tenth of its row."""
    made: list[int] = []

    class Counted(placing.PlacedRecord):
        __slots__ = ()

        def __init__(self, text: bytes, at: int, offset: int, timestamp: int) -> None:
            made.append(offset)
            super().__init__(text, at, offset, timestamp)

    monkeypatch.setattr(placing, "PlacedRecord", Counted)
    value = orjson.dumps(example("driver.location.updated"))
    assert len(decode(as_fetched(batch_of(LOCATION, [value, None, value])), POLICY, NOW_MS).rejects) == 1
    assert sorted(made) == [0, 1, 2]

"""Derived identities: the same at every reading, never the same for two records."""

import hashlib
import uuid
from dataclasses import replace

import orjson
import pytest

from openride_stream.events.example import example
from openride_stream.events.identity import Position, derived_id, first_position, precedence
from tests.events.batches import NOW_MS, POLICY, FakeRecord, accepted, decode_record, topic_of

LOCATION = topic_of("driver.location.updated")
PING = {name: value for name, value in example("driver.location.updated").items() if name != "event_id"}
RECORD = FakeRecord(orjson.dumps(PING), offset=41, timestamp=NOW_MS - 5)
REDRIVEN = (
    ("trace", b"\xff"),
    ("dlq.topic", LOCATION.encode()),
    ("dlq.partition", b"3"),
    ("dlq.offset", b"41"),
    ("dlq.timestamp", str(NOW_MS - 5).encode()),
)


def identity_of(record, policy=POLICY):
    return decode_record(LOCATION, record, policy).rows[0]["event_id"]


def test_identity_is_the_same_at_every_reading():
    assert identity_of(RECORD) == identity_of(replace(RECORD, key=b"k", headers=[("h", b"v")]))
    assert uuid.UUID(identity_of(RECORD)).version == 5


def test_identity_is_pinned():
    """Changing how it is derived would count every stored event again at a replay."""
    position = Position("openride.events.location", 3, 41, 1_772_452_799_995)
    assert derived_id("cluster", position, b"{}") == "35e8ef73-47b3-5300-977a-17f5bfec7b26"


@pytest.mark.parametrize(
    "other",
    [
        replace(RECORD, offset=42),
        replace(RECORD, timestamp=NOW_MS - 6),
        replace(RECORD, value=orjson.dumps({**PING, "lat": 1})),
    ],
)
def test_another_record_has_another_identity(other):
    assert identity_of(other) != identity_of(RECORD)


def test_another_cluster_or_partition_means_another_identity():
    assert identity_of(RECORD, replace(POLICY, cluster_id="recreated")) != identity_of(RECORD)
    position = Position(LOCATION, 3, 41, NOW_MS)
    assert derived_id("c", position, b"") != derived_id("c", position._replace(partition=4), b"")


def test_parts_cannot_run_into_each_other():
    assert derived_id('a","b', Position("c", 0, 0, 0), b"") != derived_id(
        "a", Position('b","c', 0, 0, 0), b""
    )


def test_a_redriven_record_is_still_the_record_it_was():
    redriven = replace(RECORD, offset=900, timestamp=NOW_MS, headers=REDRIVEN)
    assert identity_of(redriven) == identity_of(RECORD)


def test_the_oldest_position_counts_when_a_record_failed_twice():
    headers = (*REDRIVEN, ("dlq.topic", LOCATION.encode()), ("dlq.offset", b"7"))
    assert first_position(replace(RECORD, headers=headers), LOCATION, 0).offset == 41


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dlq.topic", b"elsewhere"),
        ("dlq.topic", b"\xff"),
        ("dlq.partition", b"-1"),
        ("dlq.offset", b"4.1"),
        ("dlq.offset", b""),
        ("dlq.offset", b"9" * 20),
        ("dlq.offset", "٤".encode()),
        ("dlq.timestamp", b"yesterday"),
        ("dlq.timestamp", None),
    ],
)
def test_malformed_positions_are_ignored(name, value):
    headers = [(header, value if header == name else kept) for header, kept in REDRIVEN]
    record = replace(RECORD, offset=900, headers=headers)
    assert first_position(record, LOCATION, 3) == Position(LOCATION, 3, 900, RECORD.timestamp)
    assert decode_record(LOCATION, record).rejects == []


def test_an_incomplete_position_is_ignored():
    record = replace(RECORD, offset=900, headers=REDRIVEN[:-1])
    assert first_position(record, LOCATION, 3).offset == 900


def test_an_identity_that_was_sent_is_kept_whatever_the_headers():
    event_id = example("driver.location.updated")["event_id"]
    assert accepted(LOCATION, {**PING, "event_id": event_id}, headers=REDRIVEN)["event_id"] == event_id


def test_the_smallest_hash_has_the_highest_precedence():
    values = [b"a", b"b", b"c", b"d"]
    by_hash = sorted(values, key=lambda value: hashlib.sha256(value).digest())
    assert sorted(values, key=precedence, reverse=True) == by_hash
    assert all(0 <= precedence(value) < 2**64 for value in values)
    assert precedence(b"a") + int(hashlib.sha256(b"a").hexdigest()[:16], 16) == 2**64 - 1

"""Records, batches and a policy for the tests of decoding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from openride_stream.events.decode import Decoded, DecodePolicy, decode
from openride_stream.events.example import EXECUTION_NAME
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import TOPIC_OF
from openride_stream.events.rejects import Reject
from openride_stream.events.topics import TOPICS

NOW_MS = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * 1000
DAY_MS = 86_400_000
POLICY = DecodePolicy(
    cluster_id="test-cluster",
    currency="NGN",
    pii_key=b"a key for tests",
    max_record_bytes=1_048_576,
    max_ahead_ms=DAY_MS,
    retention_days={topic.table: 30 if topic.domain == "location" else 400 for topic in TOPICS},
)


@dataclass(frozen=True)
class FakeRecord:
    """A record that never met a broker."""

    value: bytes | None
    offset: int = 0
    timestamp: int = NOW_MS
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def topic_of(name: str) -> str:
    """The topic that takes the event type (or example) `name`."""
    return "openride.schedules.redis" if name == EXECUTION_NAME else TOPIC_OF[name].name


def decode_values(topic: str, values: Sequence[bytes | None], policy: DecodePolicy = POLICY) -> Decoded:
    records = [FakeRecord(value, offset) for offset, value in enumerate(values)]
    return decode(RecordBatch(topic, 3, records), policy, NOW_MS)


def decode_record(topic: str, record: FakeRecord, policy: DecodePolicy = POLICY) -> Decoded:
    return decode(RecordBatch(topic, 3, [record]), policy, NOW_MS)


def accepted(topic: str, event: dict[str, Any] | bytes, **record: Any) -> dict[str, Any]:
    """The row of one event that must be accepted."""
    value = event if isinstance(event, bytes) else orjson.dumps(event)
    decoded = decode_record(topic, replace(FakeRecord(value), **record))
    assert decoded.rejects == []
    return decoded.rows[0]


def refused(topic: str, event: dict[str, Any] | bytes | None, **record: Any) -> Reject:
    """The reject of one event that must be refused."""
    value = orjson.dumps(event) if isinstance(event, dict) else event
    decoded = decode_record(topic, replace(FakeRecord(value), **record))
    assert decoded.rows == []
    return decoded.rejects[0]

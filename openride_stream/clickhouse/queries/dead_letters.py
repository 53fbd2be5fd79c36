"""`GET /v1/dead-letters`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from openride_stream.clickhouse.client import ClickHouse, Param
from openride_stream.events.letter_views import iso_utc

# The record's own timestamp may be any number: as such, and as a time where a calendar has it.
_SQL: Final = """
SELECT
    l.topic AS topic, l.partition AS partition, l.offset AS offset, l.timestamp_ms AS timestamp_ms,
    l.dlq_partition AS dlq_partition, l.dlq_offset AS dlq_offset,
    toUnixTimestamp64Milli(l.dead_lettered_at) AS dead_lettered_ms,
    toUnixTimestamp64Milli(l.first_seen) AS first_seen_ms,
    l.error AS error, l.message AS message, l.attempts AS attempts, l.worker AS worker,
    l.event_type AS event_type, l.value_bytes AS value_bytes, l.value_sha256 AS value_sha256,
    l.fields AS fields, toUnixTimestamp64Milli(r.redriven_at) AS redriven_ms
FROM
(
    SELECT * FROM {database}.dead_letters FINAL WHERE {condition}
    ORDER BY dead_lettered_at DESC, topic, partition, offset, timestamp_ms, attempts, value_sha256
    LIMIT {{limit:UInt32}} OFFSET {{skip:UInt32}}
) AS l
LEFT JOIN {database}.dead_letter_redrives AS r FINAL
    USING (topic, partition, offset, timestamp_ms, attempts, value_sha256)
ORDER BY l.dead_lettered_at DESC, topic, partition, offset, timestamp_ms, attempts, value_sha256
"""


@dataclass(frozen=True, slots=True)
class DeadLetterQuestion:
    """Which dead letters; times are those of dead-lettering, in milliseconds since the epoch."""

    limit: int
    skip: int
    topic: str | None = None
    error: str | None = None
    event_type: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None

    def condition(self) -> tuple[str, dict[str, Param]]:
        """SQL condition and its parameters."""
        terms: dict[str, tuple[str, Param | None]] = {
            "topic": ("topic = {topic:String}", self.topic),
            "error": ("error = {error:String}", self.error),
            "event_type": ("event_type = {event_type:String}", self.event_type),
            "start": ("dead_lettered_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')", self.start_ms),
            "end": ("dead_lettered_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')", self.end_ms),
        }
        given = {name: (sql, value) for name, (sql, value) in terms.items() if value is not None}
        return (
            " AND ".join(sql for sql, _ in given.values()) or "1",
            {name: value for name, (_, value) in given.items()},
        )


async def dead_letters(store: ClickHouse, question: DeadLetterQuestion) -> dict[str, Any]:
    """A page of dead letters, newest first, and how many there are in all."""
    condition, params = question.condition()
    page = {"limit": question.limit, "skip": question.skip}
    count = f"SELECT count() AS total FROM {store.database}.dead_letters FINAL WHERE {condition}"
    counted, rows = await asyncio.gather(
        store.select(count, params),
        store.select(_SQL.format(database=store.database, condition=condition), params | page),
    )
    return {
        "total": counted[0]["total"],
        "limit": question.limit,
        "offset": question.skip,
        "dead_letters": [_letter(row) for row in rows],
    }


async def dead_lettered(store: ClickHouse, since_ms: int, *, timeout_s: float) -> int:
    """How many dead letters there are since `since_ms` (since the epoch), each counted once.

    It reads one column of the table and is asked often: FINAL would read all of them.
    """
    condition, params = DeadLetterQuestion(limit=0, skip=0, start_ms=since_ms).condition()
    identity = "(topic, partition, offset, timestamp_ms, attempts, value_sha256)"
    sql = f"SELECT uniqExact({identity}) AS letters FROM {store.database}.dead_letters WHERE {condition}"
    rows = await store.select(sql, params, timeout_s=timeout_s)
    letters: int = rows[0]["letters"]
    return letters


async def on_record(store: ClickHouse, topics: Sequence[str]) -> int:
    """How many dead letters of the source topics `topics` (none: of all) there are or have been."""
    rows = await store.select(
        f"SELECT count() AS letters FROM {store.database}.dead_letters FINAL "
        "WHERE empty({topics:Array(String)}) OR has({topics:Array(String)}, topic)",
        {"topics": list(topics)},
    )
    letters: int = rows[0]["letters"]
    return letters


def _letter(row: dict[str, Any]) -> dict[str, Any]:
    redriven_ms, fields = row["redriven_ms"], row["fields"]
    return {
        "topic": row["topic"],
        "partition": row["dlq_partition"],
        "offset": row["dlq_offset"],
        "dead_lettered_at": iso_utc(row["dead_lettered_ms"]),
        "first_seen": iso_utc(row["first_seen_ms"]),
        "first_partition": row["partition"],
        "first_offset": row["offset"],
        "first_timestamp": iso_utc(row["timestamp_ms"]),
        "error": row["error"],
        "message": row["message"],
        "attempts": row["attempts"],
        "worker": row["worker"],
        "event_type": row["event_type"] or None,
        "value_bytes": row["value_bytes"],
        "value_sha256": row["value_sha256"],
        "fields": orjson.Fragment(fields) if fields else None,
        "redriven_at": iso_utc(redriven_ms) if redriven_ms else None,
    }

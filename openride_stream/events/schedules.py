"""Schedule executions and their updates: what follows from the fields that were sent."""

from collections.abc import Mapping
from typing import Final

from openride_stream.events.frame import Frame
from openride_stream.events.identity import derived_id, first_position
from openride_stream.events.records import Record
from openride_stream.events.registry import UPDATABLE, Row
from openride_stream.events.rejects import RejectClass, Rejection
from openride_stream.events.scalars import END_TIMESTAMP_MS

_LEVEL_OF_RESULT: Final[Mapping[str, str]] = {"failure": "error", "timeout": "error", "retry": "warning"}

CARRIED: Final = (
    "execution_result",
    "level",
    "completed_at",
    "total_processing_time_ms",
    "schedule_name",
    "event_entity_id",
    "retry_count",
    "error_message",
    "time_in_mongo_queue_ms",
    "time_in_clickhouse_queue_ms",
    "time_in_redis_queue_ms",
    "kafka_publish_time_ms",
    "processed_by_node",
    "kafka_topic",
    "kafka_partition",
    "kafka_offset",
    "source_mongo_execution_id",
    "source_clickhouse_id",
    "source_redis_key",
)
"""The fields that an update may change; bit N of a row's `carried` says that its record carries the Nth.

The order is that of what is stored: it does not change, and what is new comes at the end.
"""
BITS: Final[Mapping[str, int]] = {name: 1 << number for number, name in enumerate(CARRIED)}


def complete_schedule(row: Row, record: Record, value: bytes, frame: Frame) -> None:
    """Give a validated row of a schedule topic its tier, identity, event time and defaults, in place.

    Raises:
        Rejection: WrongTopic, or InvalidField for an update that changes nothing.
    """
    tier = frame.source.tier
    if row.setdefault("schedule_type", tier) != tier:
        raise Rejection(RejectClass.WRONG_TOPIC, f"schedule_type: this topic is for {tier}")
    position = first_position(record, frame.source.name, frame.partition)
    # A producer that stamps microseconds must not bring times that nobody can tell.
    stamped_ms = min(position.timestamp, END_TIMESTAMP_MS - 1)
    row["record_timestamp"] = stamped_ms if stamped_ms >= 0 else frame.now_ms
    identity = "event_id" if row.get("update") else "analytics_id"
    if identity not in row:
        row[identity] = derived_id(frame.policy.cluster_id, position, value)
    # Before the defaults: what nobody has said follows from what the updates say as well.
    row["carried"] = sum([BITS[name] for name in row if name in BITS])
    if row.pop("update", False):
        _complete_update(row)
    else:
        _complete_execution(row)


def level_of(execution_result: str) -> str:
    """The level of an execution for which none was sent."""
    return _LEVEL_OF_RESULT.get(execution_result, "info")


def _complete_update(row: Row) -> None:
    """An update happened when its record was written, and is an event of its own."""
    if UPDATABLE.isdisjoint(row):
        known = ", ".join(sorted(UPDATABLE))
        raise Rejection(
            RejectClass.INVALID_FIELD,
            f"update: needs at least one field that may be changed (known: {known})",
        )
    row["is_update"] = True
    row["event_timestamp"] = row["record_timestamp"]


def _complete_execution(row: Row) -> None:
    """An execution happened when its processing started, and is known by its analytics_id."""
    row["event_id"] = row["analytics_id"]
    row["event_timestamp"] = row["started_processing_at"]
    row.setdefault("level", level_of(row["execution_result"]))
    completed_at_ms = row.setdefault("completed_at", row["record_timestamp"])
    row.setdefault("total_processing_time_ms", max(0, completed_at_ms - row["started_processing_at"]))

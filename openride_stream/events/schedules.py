"""Schedule executions and their updates: what follows from the fields that were sent."""

from collections.abc import Mapping
from typing import Final

from openride_stream.events.frame import Frame
from openride_stream.events.identity import derived_id, first_position
from openride_stream.events.records import Record
from openride_stream.events.registry import UPDATABLE, Row
from openride_stream.events.rejects import RejectClass, Rejection

_LEVEL_OF_RESULT: Final[Mapping[str, str]] = {"failure": "error", "timeout": "error", "retry": "warning"}


def complete_schedule(row: Row, record: Record, value: bytes, frame: Frame) -> None:
    """Give a validated row of a schedule topic its tier, identity, event time and defaults, in place.

    Raises:
        Rejection: WrongTopic, or InvalidField for an update that changes nothing.
    """
    tier = frame.source.tier
    if row.setdefault("schedule_type", tier) != tier:
        raise Rejection(RejectClass.WRONG_TOPIC, f"schedule_type: this topic is for {tier}")
    position = first_position(record, frame.source.name, frame.partition)
    row["record_timestamp"] = position.timestamp if position.timestamp >= 0 else frame.now_ms
    identity = "event_id" if row.get("update") else "analytics_id"
    if identity not in row:
        row[identity] = derived_id(frame.policy.cluster_id, position, value)
    if row.pop("update", False):
        _complete_update(row)
    else:
        _complete_execution(row)


def _complete_update(row: Row) -> None:
    """An update happened when its record was written, and is an event of its own."""
    if UPDATABLE.isdisjoint(row):
        raise Rejection(RejectClass.INVALID_FIELD, "update: needs at least one field to change")
    row["is_update"] = True
    row["event_timestamp"] = row["record_timestamp"]


def _complete_execution(row: Row) -> None:
    """An execution happened when its processing started, and is known by its analytics_id."""
    row["event_id"] = row["analytics_id"]
    row["event_timestamp"] = row["started_processing_at"]
    row.setdefault("level", _LEVEL_OF_RESULT.get(row["execution_result"], "info"))
    completed_at_ms = row.setdefault("completed_at", row["record_timestamp"])
    row.setdefault("total_processing_time_ms", max(0, completed_at_ms - row["started_processing_at"]))

"""From a validated TypedDict to a whole row: defaults, event time, provenance, the checks on time."""

from collections.abc import Mapping
from dataclasses import dataclass

from openride_stream.events.identity import derived_id, first_position
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.records import Record
from openride_stream.events.registry import EVENT_SHAPES, EXECUTION, UPDATABLE, Row
from openride_stream.events.rejects import RejectClass, Rejection
from openride_stream.events.scalars import TIMESTAMP_MESSAGE, epoch_ms
from openride_stream.events.topics import SourceTopic

_LEVEL_OF_RESULT: Mapping[str, str] = {"failure": "error", "timeout": "error", "retry": "warning"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What the records of one batch share.

    `floor_ms` is the first millisecond of event time that the table still takes; `now_ms` stands in for
    the timestamp of a record that has none.
    """

    source: SourceTopic
    partition: int
    policy: DecodePolicy
    floor_ms: int
    now_ms: int


def complete(row: Row, record: Record, value: bytes, frame: Frame) -> None:
    """Make a validated row whole, in place, except for `payload`.

    Raises:
        Rejection: InvalidField, WrongTopic, TimestampTooFarAhead or too_late.
    """
    if frame.source.tier is None:
        _complete_event(row, record, value, frame)
    else:
        _complete_schedule(row, record, value, frame)
    event_timestamp_ms = row["event_timestamp"]
    if event_timestamp_ms < frame.floor_ms:
        message = f"event_timestamp: before {frame.source.table} begins (it is sealed by whole UTC days)"
        raise Rejection(RejectClass.TOO_LATE, message)
    if event_timestamp_ms > _sent_ms(record, frame) + frame.policy.max_ahead_ms:
        message = f"event_timestamp: more than {frame.policy.max_ahead_ms} ms ahead of the record's timestamp"
        raise Rejection(RejectClass.TIMESTAMP_TOO_FAR_AHEAD, message)
    row["topic"] = frame.source.name
    row["partition"] = frame.partition
    row["offset"] = record.offset


def without_nulls(row: Row, defaults: Mapping[str, object]) -> Row:
    """The row without its nulls: an optional field that is null counts as absent, and has its default."""
    return {**defaults, **{name: value for name, value in row.items() if value is not None}}


def defaults_of(row: Row, source: SourceTopic) -> Mapping[str, object]:
    """The defaults of a validated row's own type; an update has none."""
    if source.tier is None:
        return EVENT_SHAPES[row["event_type"]].defaults
    return {} if row.get("update") else EXECUTION.defaults


def _sent_ms(record: Record, frame: Frame) -> int:
    return record.timestamp if record.timestamp >= 0 else frame.now_ms


def _complete_event(row: Row, record: Record, value: bytes, frame: Frame) -> None:
    try:
        row["event_timestamp"] = epoch_ms(row["event_timestamp"])
    except ValueError:
        raise Rejection(RejectClass.INVALID_FIELD, f"event_timestamp: {TIMESTAMP_MESSAGE}") from None
    if "event_id" not in row:
        row["event_id"] = _derived(record, value, frame)
    if "currency" not in row and EVENT_SHAPES[row["event_type"]].has_currency:
        row["currency"] = frame.policy.currency


def _derived(record: Record, value: bytes, frame: Frame) -> str:
    position = first_position(record, frame.source.name, frame.partition)
    return derived_id(frame.policy.cluster_id, position, value)


def _complete_schedule(row: Row, record: Record, value: bytes, frame: Frame) -> None:
    tier = frame.source.tier
    if row.setdefault("schedule_type", tier) != tier:
        raise Rejection(RejectClass.WRONG_TOPIC, f"schedule_type: this topic is for {tier}")
    timestamp_ms = first_position(record, frame.source.name, frame.partition).timestamp
    row["record_timestamp"] = timestamp_ms if timestamp_ms >= 0 else frame.now_ms
    if row.pop("update", False):
        _complete_update(row, record, value, frame)
    else:
        _complete_execution(row, record, value, frame)


def _complete_update(row: Row, record: Record, value: bytes, frame: Frame) -> None:
    """An update happened when its record was written, and is an event of its own."""
    if UPDATABLE.isdisjoint(row):
        raise Rejection(RejectClass.INVALID_FIELD, "update: needs at least one field to change")
    row["is_update"] = True
    row["event_timestamp"] = row["record_timestamp"]
    row.setdefault("event_id", _derived(record, value, frame))


def _complete_execution(row: Row, record: Record, value: bytes, frame: Frame) -> None:
    """An execution happened when its processing started, and is known by its analytics_id."""
    if "analytics_id" not in row:
        row["analytics_id"] = _derived(record, value, frame)
    row["event_id"] = row["analytics_id"]
    row["event_timestamp"] = row["started_processing_at"]
    row.setdefault("level", _LEVEL_OF_RESULT.get(row["execution_result"], "info"))
    completed_at_ms = row.setdefault("completed_at", row["record_timestamp"])
    row.setdefault("total_processing_time_ms", max(0, completed_at_ms - row["started_processing_at"]))

"""From a validated TypedDict to a whole row: defaults, event time, provenance, the checks on time."""

from collections.abc import Mapping

from openride_stream.events.frame import Frame
from openride_stream.events.identity import derived_id, first_position
from openride_stream.events.records import Record
from openride_stream.events.registry import EVENT_SHAPES, EXECUTION, WITH_CURRENCY, Row
from openride_stream.events.rejects import RejectClass, Rejection
from openride_stream.events.scalars import TIMESTAMP_MESSAGE, epoch_ms
from openride_stream.events.schedules import complete_schedule
from openride_stream.events.topics import SourceTopic


def complete(row: Row, record: Record, value: bytes, frame: Frame) -> None:
    """Make a validated row whole, in place, except for `payload`.

    Raises:
        Rejection: InvalidField, WrongTopic, TimestampTooFarAhead or too_late.
    """
    source = frame.source
    if source.tier is None:
        _complete_event(row, record, value, frame)
    else:
        complete_schedule(row, record, value, frame)
    event_timestamp_ms = row["event_timestamp"]
    last_ms = min(record.timestamp + frame.policy.max_ahead_ms, frame.ceiling_ms)
    if not frame.floor_ms <= event_timestamp_ms <= last_ms:
        _check_time(event_timestamp_ms, record, frame)
    row["topic"] = source.name
    row["partition"] = frame.partition
    row["offset"] = record.offset


def _check_time(event_timestamp_ms: int, record: Record, frame: Frame) -> None:
    """Say which limit an event time breaks; a record without a timestamp is compared with the clock."""
    if event_timestamp_ms < frame.floor_ms:
        message = f"event_timestamp: before {frame.source.table} begins (it is sealed by whole UTC days)"
        raise Rejection(RejectClass.TOO_LATE, message)
    sent_ms = record.timestamp if record.timestamp >= 0 else frame.now_ms
    if event_timestamp_ms > sent_ms + frame.policy.max_ahead_ms:
        message = f"event_timestamp: more than {_ahead(frame)} ahead of the record's timestamp"
        raise Rejection(RejectClass.TIMESTAMP_TOO_FAR_AHEAD, message)
    if event_timestamp_ms > frame.ceiling_ms:
        # A producer can stamp anything on a record. See decision 10 on a verdict that hangs on the clock.
        message = f"event_timestamp: more than {_ahead(frame)} ahead of now, as is the record's"
        raise Rejection(RejectClass.TIMESTAMP_TOO_FAR_AHEAD, message)


def _ahead(frame: Frame) -> str:
    return f"{frame.policy.max_ahead_ms // 1000:,} s"


def without_nulls(row: Row, defaults: Mapping[str, object]) -> Row:
    """The row without its nulls: an optional field that is null counts as absent, and has its default.

    `personal_` stays even when it is null: it holds only the first personal field that the record has, and
    another one may follow.
    """
    kept = {name: value for name, value in row.items() if value is not None or name == "personal_"}
    return {**defaults, **kept}


def defaults_of(row: Row, source: SourceTopic) -> Mapping[str, object]:
    """The defaults of a validated row's own type; an update has none."""
    if source.tier is None:
        return EVENT_SHAPES[row["event_type"]].defaults
    return {} if row.get("update") else EXECUTION.defaults


def _complete_event(row: Row, record: Record, value: bytes, frame: Frame) -> None:
    try:
        row["event_timestamp"] = epoch_ms(row["event_timestamp"])
    except ValueError:
        raise Rejection(RejectClass.INVALID_FIELD, f"event_timestamp: {TIMESTAMP_MESSAGE}") from None
    if "event_id" not in row:
        position = first_position(record, frame.source.name, frame.partition)
        row["event_id"] = derived_id(frame.policy.cluster_id, position, value)
    if row["event_type"] in WITH_CURRENCY and "currency" not in row:
        row["currency"] = frame.policy.currency

"""A batch of raw records to rows and rejects, at once.

A row is a dict with one key a ClickHouse column, that `orjson.dumps` writes and JSONEachRow reads: every
declared field of the type that was sent or has a default, and

- `event_id` lower-case UUID; `event_timestamp` and every other time int, milliseconds since the epoch (newer
  servers read a bare number so only under `input_format_read_datetime_number_as_raw_value`); money a decimal
  string with two places; `device_info` and `location` JSON text
- `payload` the record's JSON text as received, or, when it holds personal data, compact with those values
  masked; in that case also `precedence` (see `identity.precedence`), which otherwise follows from payload
- `topic`, `partition`, `offset` where the record was read
- on schedule rows `record_timestamp`, int ms: when the record was first written, by which updates are
  ordered; `carried`, which fields an update may change the record itself carries (`schedules.CARRIED`); and
  `is_update`, true on the row of a partial update, absent otherwise. `event_timestamp` is
  `started_processing_at` (of an update: `record_timestamp`), `event_id` is `analytics_id` (of an update: its
  own).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openride_stream.events.completion import complete
from openride_stream.events.examination import examine, store_proven
from openride_stream.events.frame import Frame
from openride_stream.events.joining import all_plain, is_plain, validate_joinable
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.quoted import is_closed
from openride_stream.events.records import Record, RecordBatch
from openride_stream.events.registry import DOMAINS_WITH_CURRENCY, WITH_CURRENCY, Row
from openride_stream.events.rejects import Reject, Rejection
from openride_stream.events.scalars import epoch_ms
from openride_stream.events.topics import BY_NAME

__all__ = ["DecodePolicy", "Decoded", "decode"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch holds: `rows` to store and `rejects` to dead-letter, each in offset order."""

    rows: list[dict[str, Any]]
    rejects: list[Reject]


def decode(batch: RecordBatch, policy: DecodePolicy, now_ms: int) -> Decoded:
    """Every record of the batch as a row or as a reject; no bytes can make it raise.

    Args:
        batch: records of one partition of one of the nine source topics.
        policy: limits, defaults and keys.
        now_ms: wall-clock time in milliseconds since the epoch, for what is too late or too far ahead.

    Raises:
        KeyError: the topic is not one of the nine.
    """
    source = BY_NAME[batch.topic]
    frame = Frame(source, batch.partition, policy, policy.floor_ms(source.table, now_ms), now_ms)
    decoded = Decoded([], [])
    # Where they are only placed, each look at one makes it anew.
    records = [*batch.records]
    values = [record.value for record in records]
    plain = False
    if all_plain(values, policy.max_record_bytes):
        plain, validated = True, validate_joinable(source, values)
    else:
        validated = _validated(values, frame)
    if source.tier is None:
        _complete_usual(validated, records, frame, plain)
    for record, row in zip(records, validated, strict=True):
        if row is not None and "payload" in row:
            decoded.rows.append(row)
            continue
        try:
            decoded.rows.append(_finished(row, record, frame))
        except Rejection as rejection:
            decoded.rejects.append(Reject.of(record, rejection))
    return decoded


def _complete_usual(
    rows: Sequence[Row | None], records: Sequence[Record], frame: Frame, all_are_plain: bool
) -> None:
    """Make whole, in place, what nearly every event is: proven valid, with an id, in time, nothing to mask.

    Any other is left as it is: `_finished` knows all cases, at several times the cost. What is done here
    counts, every line of it: it is done to every event.
    """
    topic, partition, floor_ms = frame.source.name, frame.partition, frame.floor_ms
    ahead_ms, ceiling_ms = frame.policy.max_ahead_ms, frame.ceiling_ms
    for row, record in zip(rows, records, strict=True):
        if row is None or "event_id" not in row or "personal_" in row:
            continue
        if not (all_are_plain or is_plain(record.value)):  # type: ignore[arg-type]  # a row was made of it
            continue
        try:
            event_timestamp_ms = epoch_ms(row["event_timestamp"])
        except ValueError:
            continue
        if floor_ms <= event_timestamp_ms <= ceiling_ms and event_timestamp_ms <= record.timestamp + ahead_ms:
            row["event_timestamp"] = event_timestamp_ms
            row["topic"] = topic
            row["partition"] = partition
            row["offset"] = record.offset
            row["payload"] = record.value.decode()  # type: ignore[union-attr]  # a row was made of it
    if frame.source.domain in DOMAINS_WITH_CURRENCY:
        _set_currency(rows, frame.policy.currency)


def _set_currency(rows: Sequence[Row | None], currency: str) -> None:
    for row in rows:
        if row is not None and "currency" not in row and row["event_type"] in WITH_CURRENCY:
            row["currency"] = currency


def _finished(row: Row | None, record: Record, frame: Frame) -> Row:
    value = record.value
    if row is None or value is None:
        return examine(record, frame)
    complete(row, record, value, frame)
    store_proven(row, value, frame)
    return row


def _validated(values: Sequence[bytes | None], frame: Frame) -> list[Row | None]:
    """The validated row of each record that a join proves valid; None for one to examine on its own."""
    limit_bytes = frame.policy.max_record_bytes
    plain: dict[int, bytes] = {}
    closed: dict[int, bytes] = {}
    for place, value in enumerate(values):
        if value is None or len(value) > limit_bytes:
            continue
        if is_plain(value):
            plain[place] = value
        elif is_closed(value):
            closed[place] = value
    rows: list[Row | None] = [None] * len(values)
    for kind in (plain, closed):
        for place, row in zip(kind, validate_joinable(frame.source, [*kind.values()]), strict=True):
            rows[place] = row
    return rows

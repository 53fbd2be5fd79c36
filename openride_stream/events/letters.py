"""A dead letter: what its headers say, and what of it may be seen.

Source and dead-letter topics hold the producer's bytes. Everywhere else (API, command line, tables, logs) a
dead letter is its masked parsed fields, its length and its hash: `shown` and `letter_row` are the only ways
out, and neither gives away a key, a value or a header of the producer's.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from openride_stream.clock import utc_from_ms
from openride_stream.events import documents
from openride_stream.events.identity import Position, first_position
from openride_stream.events.masking import masked_text
from openride_stream.events.records import Record
from openride_stream.events.rejects import Reject

Headers = list[tuple[str, bytes]]

MAX_ATTEMPTS: Final = 999_999_999
"""Attempts are counted up to here; a header that claims more is not believed."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MAX_UINT64: Final = 2**64 - 1
_MAX_TEXT: Final = 2_000
_MAX_EVENT_TYPE: Final = 100
# A table is for analysis: what is longer is in the dead-letter topic, and `openride dlq show` shows it.
_MAX_ROW_FIELDS: Final = 65_536


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What remains of a value that no dead-letter topic takes: its length and its hex SHA-256."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter.

    Attributes:
        topic: the source topic that it was read from.
        partition: partition number, the same in the source and in the dead-letter topic.
        offset: its offset in the dead-letter topic; -1 before the broker has said.
        timestamp_ms: when it was dead-lettered.
        first: where the record first stood; a redrive does not change it.
        first_seen_ms: when the record was dead-lettered for the first time.
        attempts: how often it was tried, this time included.
        error: the class of the fault (see `rejects.RejectClass`).
        message: names the field and the rule, and no value.
        worker: who refused it.
        key: the record's key.
        value: the record's bytes; None when it had none, and when they were left out.
        headers: the record's own headers, without those of dead letters.
        left_out: of the value, where it was too large to be kept.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    first: Position
    first_seen_ms: int
    attempts: int
    error: str
    message: str
    worker: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    left_out: LeftOut | None = None

    @classmethod
    def of(cls, topic: str, partition: int, reject: Reject, worker: str, now_ms: int) -> "Letter":
        """The dead letter that `reject` becomes at `now_ms`; one more attempt when it was one before."""
        record = reject.record
        first = first_position(record, topic, partition)
        redriven = first != Position(topic, partition, record.offset, record.timestamp)
        headers = dict(record.headers)
        return cls(
            topic=topic,
            partition=partition,
            offset=-1,
            timestamp_ms=now_ms,
            first=first,
            first_seen_ms=min(_number(headers, "dlq.first_seen", now_ms), now_ms) if redriven else now_ms,
            attempts=attempts_of(record) + 1,
            error=reject.error,
            message=reject.message,
            worker=worker,
            key=record.key,
            value=record.value,
            headers=_own(record),
        )

    @classmethod
    def read(cls, record: Record, topic: str, partition: int) -> "Letter":
        """A record of the dead-letter topic of `topic`; whatever its headers hold, this does not fail."""
        headers = dict(record.headers)
        return cls(
            topic=topic,
            partition=partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            first=first_position(record, topic, partition),
            first_seen_ms=_number(headers, "dlq.first_seen", record.timestamp),
            attempts=attempts_of(record),
            error=_text(headers, "dlq.error.class"),
            message=_text(headers, "dlq.error.message"),
            worker=_text(headers, "dlq.worker"),
            key=record.key,
            value=record.value,
            headers=_own(record),
            left_out=_left_out(record, headers),
        )

    def smaller(self) -> "Letter | None":
        """The letter without its value; then without its key and its own headers; None after that."""
        if self.left_out is None:
            return replace(self, value=None, left_out=LeftOut(self.size_bytes, self.sha256()))
        if self.key is not None or self.headers:
            return replace(self, key=None, headers=())
        return None

    def dead_letter_headers(self) -> Headers:
        """The contract's `dlq.*` headers after the record's own; times are milliseconds since the epoch."""
        reason = {
            "dlq.error.class": self.error,
            "dlq.error.message": self.message,
            "dlq.attempts": str(self.attempts),
            "dlq.worker": self.worker,
        }
        if self.left_out is not None:
            reason["dlq.value.bytes"] = str(self.left_out.size_bytes)
            reason["dlq.value.sha256"] = self.left_out.sha256
        return [*self._origin(), *((name, text.encode()) for name, text in reason.items())]

    def redrive_headers(self) -> Headers:
        """The record's own headers, where it first stood, and how often it was tried.

        With them the record is the same event at its second reading, and a failure is counted as one more.
        """
        return [*self._origin(), ("dlq.attempts", b"%d" % self.attempts)]

    @property
    def size_bytes(self) -> int:
        """Length of the record's value."""
        return len(self.value or b"") if self.left_out is None else self.left_out.size_bytes

    def sha256(self) -> str:
        """Hex SHA-256 of the record's value; of no bytes when there is none."""
        if self.left_out is not None:
            return self.left_out.sha256
        return hashlib.sha256(self.value or b"").hexdigest()

    def _origin(self) -> Headers:
        origin = {
            "dlq.topic": self.first.topic,
            "dlq.partition": str(self.first.partition),
            "dlq.offset": str(self.first.offset),
            "dlq.timestamp": str(self.first.timestamp),
            "dlq.first_seen": str(self.first_seen_ms),
        }
        return [*self.headers, *((name, text.encode()) for name, text in origin.items())]


def attempts_of(record: Record) -> int:
    """How often a record was tried before, by its headers; 0 for one that was never redriven."""
    return min(_number(dict(record.headers), "dlq.attempts", 0), MAX_ATTEMPTS)


def masked_fields(letter: Letter, key: bytes, max_bytes: int) -> str | None:
    """The record's parsed fields as compact JSON without personal values.

    None when it is no JSON object, or longer than `max_bytes`: such a record was refused unread.
    """
    if not letter.value or len(letter.value) > max_bytes:
        return None
    return masked_text(letter.value, key)


def event_type_of(fields: str | None) -> str:
    """The event_type in masked fields, "" when there is none that is a short string."""
    if fields is None:
        return ""
    event_type = documents.loads(fields).get("event_type")
    usable = isinstance(event_type, str) and len(event_type) <= _MAX_EVENT_TYPE
    return event_type if usable else ""


def shown(letter: Letter, key: bytes, max_bytes: int) -> dict[str, Any]:
    """What may be seen of a dead letter, for `orjson.dumps`; times are ISO 8601 in UTC.

    `fields` is an `orjson.Fragment` of the masked record, since numbers stay as they were sent; None when the
    record cannot be parsed.
    """
    fields = masked_fields(letter, key, max_bytes)
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "dead_lettered_at": iso_utc(letter.timestamp_ms),
        "first_seen": iso_utc(letter.first_seen_ms),
        "first_topic": letter.first.topic,
        "first_partition": letter.first.partition,
        "first_offset": letter.first.offset,
        "first_timestamp": iso_utc(letter.first.timestamp),
        "error": letter.error,
        "message": letter.message,
        "attempts": letter.attempts,
        "worker": letter.worker,
        "event_type": event_type_of(fields),
        "value_bytes": letter.size_bytes,
        "value_sha256": letter.sha256(),
        "fields": None if fields is None else orjson.Fragment(fields),
    }


def letter_key(letter: Letter) -> dict[str, Any]:
    """The columns that name one failure of one record; the same whenever it is published again."""
    return {
        "topic": letter.topic,
        "partition": min(letter.first.partition, _MAX_UINT64),
        "offset": min(letter.first.offset, _MAX_UINT64),
        "timestamp_ms": min(max(letter.first.timestamp, 0), _MAX_UINT64),
        "attempts": letter.attempts,
        "value_sha256": letter.sha256(),
    }


def letter_row(letter: Letter, key: bytes, max_bytes: int) -> dict[str, Any]:
    """The row of the table `dead_letters`; times are milliseconds since the epoch."""
    fields = masked_fields(letter, key, max_bytes)
    kept = fields if fields is not None and len(fields) <= _MAX_ROW_FIELDS else ""
    return {
        **letter_key(letter),
        "dlq_partition": letter.partition,
        "dlq_offset": letter.offset,
        "dead_lettered_at": letter.timestamp_ms,
        "first_seen": letter.first_seen_ms,
        "error": letter.error,
        "message": letter.message,
        "worker": letter.worker,
        "event_type": event_type_of(fields),
        "value_bytes": letter.size_bytes,
        "fields": kept,
    }


def _own(record: Record) -> Headers:
    return [(name, value) for name, value in record.headers if not name.startswith("dlq.")]


def _left_out(record: Record, headers: Mapping[str, bytes | None]) -> LeftOut | None:
    sha256 = _text(headers, "dlq.value.sha256")
    if record.value is not None or not _SHA256.fullmatch(sha256):
        return None
    return LeftOut(_number(headers, "dlq.value.bytes", 0), sha256)


def _number(headers: Mapping[str, bytes | None], name: str, default: int) -> int:
    # Anyone can send a header: null, no number at all, or a number of a million digits.
    text = headers.get(name) or b""
    return int(text) if text.isdigit() and len(text) <= 18 else default


def _text(headers: Mapping[str, bytes | None], name: str) -> str:
    return (headers.get(name) or b"").decode("utf-8", "replace")[:_MAX_TEXT]


def iso_utc(ms: int) -> str | None:
    """ISO 8601 in UTC; None for a time that no calendar holds, as a producer may stamp on its records."""
    try:
        return utc_from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None

"""A dead letter: what its headers say. What of it may be seen is in `letter_views`."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from openride_stream.events.identity import Position, first_position
from openride_stream.events.records import Record
from openride_stream.events.rejects import Reject

Headers = list[tuple[str, bytes]]

MAX_ATTEMPTS: Final = 999_999_999
"""Attempts are counted up to here; a header that claims more is not believed."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MAX_TEXT: Final = 2_000


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

"""How far a log was read, and by what one knows it again: another log may have as many records."""

import zlib
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A partition up to `offset`, which is the next to be read.

    Attributes:
        offset: the next offset.
        timestamp_ms: Kafka's timestamp of the record before it; None when none was read.
        crc: of that record's value.
    """

    offset: int
    timestamp_ms: int | None = None
    crc: int = 0

    @classmethod
    def after(cls, record: Any) -> Self:
        """Right behind a record."""
        return cls(record.offset + 1, record.timestamp, zlib.crc32(record.value or b""))

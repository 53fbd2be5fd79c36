"""Heads of the record batches of a fetch (Kafka's message format 2)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiokafka.record.util import calc_crc32c

_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_LENGTH: Final = struct.Struct(">i")
_LENGTH_AT: Final = 8
_BEFORE_LENGTH_BYTES: Final = 12
_SUMMED_FROM: Final = 21
_MAGIC: Final = 2


@dataclass(frozen=True, slots=True)
class BatchHead:
    """The head of one record batch, and where its records stand in what was fetched."""

    base_offset: int
    attributes: int
    next_offset: int
    first_timestamp: int
    max_timestamp: int
    producer: int
    records: int
    begin: int
    end: int


def batch_heads(fetched: bytes, *, sums: bool) -> Iterator[BatchHead]:
    """The head of every batch that was fetched whole; the last may be cut off.

    Raises:
        ValueError: one is of another format, or damaged, or begins before the one before it ends.
    """
    begin, after, view = 0, 0, memoryview(fetched)
    while len(fetched) - begin >= _BEFORE_LENGTH_BYTES:
        (length,) = _LENGTH.unpack_from(fetched, begin + _LENGTH_AT)
        end = begin + _BEFORE_LENGTH_BYTES + length
        if end > len(fetched):
            return
        if end < begin + _HEADER.size:
            raise ValueError
        base, _, _, magic, crc, attributes, last, first_ms, max_ms, producer, _, _, records = (
            _HEADER.unpack_from(fetched, begin)
        )
        if magic != _MAGIC or not 0 <= records <= end - begin:
            raise ValueError
        if base < after or last < 0:
            raise ValueError
        if sums and calc_crc32c(view[begin + _SUMMED_FROM : end]) != crc:
            raise ValueError
        yield BatchHead(
            base, attributes, base + last + 1, first_ms, max_ms, producer, records, begin + _HEADER.size, end
        )
        begin, after = end, base + last + 1

"""Record batches as brokers send them, built by aiokafka; and read by it."""

from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from openride_stream.events.records import Record

Sent = tuple[int, int | None, bytes | None, bytes | None, list[tuple[str, bytes | None]]]
"""Offset within the batch, timestamp, key, value, headers."""
TP = TopicPartition("a topic", 3)


def batch(records: Sequence[Sent], base_offset: int = 0, codec: int = 0, flags: int = 0) -> bytes:
    """One record batch; `flags` are attributes to be added."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 24,
    )
    for offset, timestamp, key, value, headers in records:
        assert builder.append(offset, timestamp=timestamp, key=key, value=value, headers=headers) is not None
    return _based(bytearray(builder.build()), base_offset, flags)


def _based(built: bytearray, base_offset: int, flags: int) -> bytes:
    from aiokafka.record.util import calc_crc32c

    built[0:8] = base_offset.to_bytes(8, "big")
    built[22] |= flags
    built[17:21] = calc_crc32c(bytes(built[21:])).to_bytes(4, "big")
    return bytes(built)


def by_aiokafka(fetched: bytes, fetch_offset: int, *, sums: bool = True) -> tuple[list[Any], int]:
    """The records that aiokafka reads of a fetch, and what it would fetch next."""
    reading = PartitionRecords(TP, MemoryRecords(fetched), [], fetch_offset, None, None, sums, 0)
    return [*reading], reading.next_fetch_offset


def plain(record: Record) -> tuple[Any, ...]:
    """All there is to a record."""
    return (record.offset, record.timestamp, record.key, record.value, [*record.headers])

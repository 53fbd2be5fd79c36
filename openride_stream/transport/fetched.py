"""What a fetch brought, unpacked for the batch transport: where records stand, or aiokafka's own records.

aiokafka copies each record into a dataclass of twelve fields, at a third of the cost of reading it; a batch
needs none of that. And it reads header names as UTF-8 or not at all, so that one name that is not would end
every worker that comes to it, one after the other.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from openride_stream.transport.placing import PlacedPartition, placed

logger = logging.getLogger(__name__)

_BEFORE_LENGTH_BYTES = 12


class _KeptRecords(MemoryRecords):  # type: ignore[misc]
    """The record batches of one fetch, with the bytes that they are read from."""

    def __init__(self, fetched: bytes) -> None:
        super().__init__(fetched)
        self.fetched = fetched


# The one place where a fetch is unpacked has no hook. Nothing but the reference is added.
fetcher.MemoryRecords = _KeptRecords


class _Text(bytearray):
    """Bytes whose every part can be decoded; a byte that is not UTF-8 is shown by its number."""

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        return _Text(part) if isinstance(key, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "") -> str:
        del errors
        return super().decode(encoding, "backslashreplace")


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """A record batch whose header names may be any bytes; several times slower."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Text(self._buffer)


class _LenientRecords:
    """As aiokafka's MemoryRecords, but from the batch on that holds the offset `first`."""

    def __init__(self, fetched: bytes, first: int) -> None:
        self._batches = (batch for batch in _batches(fetched) if batch.next_offset > first)
        self._next = next(self._batches, None)

    def has_next(self) -> bool:
        return self._next is not None

    def next_batch(self) -> _LenientBatch | None:
        batch, self._next = self._next, next(self._batches, None)
        return batch


def _batches(fetched: bytes) -> Iterator[_LenientBatch]:
    """Every batch that was fetched whole; a broker may cut the last one off."""
    start = 0
    while (begin := start + _BEFORE_LENGTH_BYTES) <= len(fetched):
        end = begin + int.from_bytes(fetched[begin - 4 : begin], "big")
        if end > len(fetched):
            return
        yield _LenientBatch(fetched[start:end])
        start = end


class RawRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one partition of a fetch, each as it was unpacked."""

    _records: Any

    @classmethod
    def of(cls, unread: Any) -> "RawRecords":
        """The same records as aiokafka's `unread`, of which none may have been read."""
        raw = cls.__new__(cls)
        raw.__dict__.update(unread.__dict__)
        raw._records_iterator = raw._unpack_records()
        return raw

    def __iter__(self) -> Iterator[Any]:
        # Not self, whose `__next__` is one more call for each record.
        return iter(self._records_iterator or ())

    def _unpack_records(self) -> Iterator[Any]:
        try:
            yield from super()._unpack_records()
        except UnicodeDecodeError:
            self._records = _LenientRecords(self._records.fetched, self.next_fetch_offset)
            yield from super()._unpack_records()

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:
        del tp
        return record


class Unread:
    """What a fetch brought of one partition, not unpacked before it is asked for.

    One waits here of every partition. Unpacked at once, compressed ones would take ten times the memory,
    while Faust asks for a few thousand records at a time.
    """

    def __init__(self, unread: Any) -> None:
        """`unread` is aiokafka's PartitionRecords, of which none may have been read."""
        self._unread = unread
        # It refers back to what it was made for: the fetch would be kept until the collector came by.
        unread._records_iterator = None
        self.next_fetch_offset: int = unread.next_fetch_offset

    def unpacked(self) -> PlacedPartition | RawRecords:
        """Its records, to be taken."""
        try:
            found = placed(
                self._unread._records.fetched,
                self.next_fetch_offset,
                committed_only=self._unread._isolation_level == READ_COMMITTED,
                sums=self._unread._check_crcs,
            )
        except Exception:
            # It is only the quicker way: what it stumbles over must not stop the partition for good.
            logger.exception("Read one by one: records were not placed")
            found = None
        return found or RawRecords.of(self._unread)


class Fetched(OrderedDict[TopicPartition, Any]):
    """The fetcher's store of what was fetched; results of `batch_topics` are `Unread`."""

    def __init__(self, batch_topics: frozenset[str]) -> None:
        super().__init__()
        self._batch_topics = batch_topics

    def __setitem__(self, tp: TopicPartition, result: Any) -> None:
        """Keep a result until it is asked for; an error is kept as it is."""
        if tp.topic in self._batch_topics and isinstance(result, fetcher.FetchResult):
            result._partition_records = Unread(result._partition_records)
        super().__setitem__(tp, result)


def _getall(result: Any, max_records: int | None = None) -> Sequence[Any]:
    if isinstance(result._partition_records, Unread):
        if not result.check_assignment(result._topic_partition):
            return ()
        result._partition_records = result._partition_records.unpacked()
    if not isinstance(result._partition_records, PlacedPartition):
        records: list[Any] = _one_by_one(result, max_records)
        return records
    if not result.check_assignment(result._topic_partition):
        return ()
    taken = result._partition_records.take(max_records)
    result._update_position()
    if result._partition_records.exhausted:
        result._partition_records = None
    return taken


_one_by_one: Final = fetcher.FetchResult.getall
fetcher.FetchResult.getall = _getall

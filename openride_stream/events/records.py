"""What comes out of Kafka: raw records, a batch of one partition at a time."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Protocol

_OFFSET: Final = attrgetter("offset")


class Record(Protocol):
    """One Kafka record; aiokafka's ConsumerRecord is one.

    `timestamp` is the record's Kafka timestamp in milliseconds; `value` is None for a tombstone.
    """

    @property
    def offset(self) -> int:
        """Place in the partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Kafka timestamp in milliseconds since the epoch; negative when the record has none."""
        ...

    @property
    def key(self) -> bytes | None:
        """The producer's key; nothing depends on it."""
        ...

    @property
    def value(self) -> bytes | None:
        """What the producer sent; None for a tombstone."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names and values, in order; a name may occur twice."""
        ...


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive fetched records of one partition, in offset order, never empty.

    Offsets may have gaps (compaction, transaction markers); the batch stands for
    `first_offset`..`last_offset` as a whole and is acked as a whole.
    """

    topic: str
    partition: int
    records: Sequence[Record]

    @property
    def first_offset(self) -> int:
        """Offset of the first record."""
        return self.records[0].offset

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""
        return self.records[-1].offset

    def at_offset(self, offset: int) -> Record:
        """The record at `offset`, which is one of these."""
        return self.records[bisect_left(self.records, offset, key=_OFFSET)]

    def __len__(self) -> int:
        """The number of records."""
        return len(self.records)

"""A batch of raw records to accepted events, as columns where that is cheaper, and the rejects."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.columns import Columns
from openride_stream.events.columnar.decode import LEAST_RECORDS, columns_of
from openride_stream.events.decode import decode
from openride_stream.events.frame import Frame
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import Row
from openride_stream.events.rejects import Reject
from openride_stream.events.topics import BY_NAME


@dataclass(frozen=True)
class Accepted:
    """What a batch holds: each accepted event either in `columns` or in `rows`; `rejects` to dead-letter."""

    columns: Sequence[Columns]
    rows: Sequence[Row]
    rejects: Sequence[Reject]

    def __len__(self) -> int:
        """How many events are accepted."""
        return len(self.rows) + sum(map(len, self.columns))

    @cached_property
    def times_ms(self) -> npt.NDArray[np.int64]:
        """The event time of each, in milliseconds since the epoch, in no particular order."""
        of_rows = np.fromiter((row["event_timestamp"] for row in self.rows), np.int64, len(self.rows))
        return np.concatenate([of_rows, *(columns.times_ms for columns in self.columns)])


def accept(
    batch: RecordBatch, policy: DecodePolicy, now_ms: int, least_records: int = LEAST_RECORDS
) -> Accepted:
    """Every record of the batch as an event or as a reject: the same ones as `decode`.

    Args:
        batch: records of one partition of one of the nine source topics.
        policy: limits, defaults and keys.
        now_ms: wall-clock time in milliseconds since the epoch.
        least_records: of one shape, for them to become columns.

    Raises:
        KeyError: the topic is not one of the nine.
    """
    source = BY_NAME[batch.topic]
    frame = Frame(source, batch.partition, policy, policy.floor_ms(source.table, now_ms), now_ms)
    columns, left = columns_of(batch.records, frame, least_records)
    if not left.any():
        return Accepted(columns, (), ())
    rest = [batch.records[line] for line in np.flatnonzero(left).tolist()] if columns else batch.records
    decoded = decode(RecordBatch(batch.topic, batch.partition, rest), policy, now_ms)
    return Accepted(columns, decoded.rows, decoded.rejects)

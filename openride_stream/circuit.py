"""The circuit: when bad records are no longer an accident but a mistake in a schema or a program.

One bad record is a dead letter. A thousand in a row are a deployment that went wrong, and a dead-letter topic
that fills with a whole topic helps nobody: the partition is better paused until somebody has looked. Counts
are kept by partition, because a mistake shows there first and the others can go on.

Not counted is what is bad for a reason of its own: events that come too late (a replay of history is no
mistake) and records that were redriven (an operator sent them, and they were bad before).
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from openride_stream.events.records import RecordBatch
from openride_stream.events.rejects import Reject, RejectClass
from openride_stream.settings import Settings

Partition = tuple[str, int]

_ATTEMPTS_HEADER: Final = "dlq.attempts"
_OFFSET: Final = attrgetter("offset")


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """When a circuit opens.

    Attributes:
        consecutive: bad records in a row; 0 never opens it.
        ratio: share of bad records (0..1] among the last `window_records` or more.
        window_records: how many records that share is taken of, at least; 0 never opens it.
    """

    consecutive: int
    ratio: float
    window_records: int

    @classmethod
    def from_settings(cls, settings: Settings) -> "CircuitPolicy":
        """The policy that the settings ask for."""
        return cls(
            settings.dlq_circuit_consecutive, settings.dlq_circuit_ratio, settings.dlq_circuit_window_records
        )


@dataclass(frozen=True, slots=True)
class Trip:
    """Why a partition is paused.

    Attributes:
        reason: for an operator; holds no value of a record.
        acceptable: whether an operator may let bad records become dead letters, and that ends it.
        still: why it is to wait still, None when the cause is gone; no such question when only an operator
            can say so.
        let: called with the offset up to which an operator accepts, for a cause that is not the circuit's.
    """

    reason: str
    acceptable: bool = True
    still: "Callable[[], Trip | None] | None" = None
    let: Callable[[int], None] | None = None


@dataclass(slots=True)
class _Counts:
    in_a_row: int = 0
    window: deque[tuple[int, int]] = field(default_factory=deque)  # (records, bad) of each batch
    records: int = 0
    bad: int = 0
    accepted_until: int = 0
    next_offset: int = 0


@dataclass(slots=True)
class _Runs:
    """What counts of a batch; `in_a_row` are bad at its end, `longest` anywhere."""

    records: int
    bad: int
    in_a_row: int
    longest: int


class Circuit:
    """Counts bad records by partition. No I/O, no clock."""

    def __init__(self, policy: CircuitPolicy) -> None:
        self._policy = policy
        self._counts: dict[Partition, _Counts] = {}

    def accept(self, topic: str, partition: int, until: int) -> None:
        """Let every record before offset `until` become a dead letter, and count anew from there."""
        counts = self._of(topic, partition)
        if until > counts.accepted_until:
            self._counts[topic, partition] = _Counts(accepted_until=until, next_offset=counts.next_offset)

    def judge(self, batch: RecordBatch, rejects: Sequence[Reject]) -> Trip | None:
        """Count a batch, or say why it must not be dead-lettered; then it is not counted.

        Args:
            batch: the next records of a partition, in order, or some that are read again after a rebalance;
                those that were counted are not counted twice.
            rejects: those of them that are bad.
        """
        counts = self._of(batch.topic, batch.partition)
        if batch.first_offset == 0 and counts.next_offset > 0:
            # The log begins, once more: what was said of another one of that name is void.
            counts = self._counts[batch.topic, batch.partition] = _Counts()
        again = batch.first_offset < counts.next_offset
        if rejects or again:
            trip = self._count(counts, batch, rejects)
        else:
            counts.in_a_row = 0
            self._slide(counts, len(batch), 0)
            trip = None
        if trip is None:
            counts.next_offset = max(counts.next_offset, batch.last_offset + 1)
        return trip

    def _count(self, counts: _Counts, batch: RecordBatch, rejects: Sequence[Reject]) -> Trip | None:
        uncounted = max(counts.accepted_until, counts.next_offset)
        found = _runs(batch, rejects, uncounted, counts.in_a_row)
        why = _last_of(rejects)
        if 0 < self._policy.consecutive <= found.longest:
            return Trip(f"{found.longest:,} bad records in a row{why}")
        records, all_bad = counts.records + found.records, counts.bad + found.bad
        if (
            found.bad
            and 0 < self._policy.window_records <= records
            and all_bad >= self._policy.ratio * records
        ):
            return Trip(f"{all_bad:,} of the last {records:,} records are bad{why}")
        counts.in_a_row = found.in_a_row
        self._slide(counts, found.records, found.bad)
        return None

    def _slide(self, counts: _Counts, records: int, bad: int) -> None:
        counts.window.append((records, bad))
        counts.records += records
        counts.bad += bad
        while counts.window and counts.records - counts.window[0][0] >= self._policy.window_records:
            gone, gone_bad = counts.window.popleft()
            counts.records -= gone
            counts.bad -= gone_bad

    def _of(self, topic: str, partition: int) -> _Counts:
        counts = self._counts.get((topic, partition))
        if counts is None:
            counts = self._counts[topic, partition] = _Counts()
        return counts


def _last_of(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return ""
    last = rejects[-1]
    return f"; last: {last.error} ({last.message}) at offset {last.record.offset}"


def _counts(reject: Reject) -> bool:
    if reject.error == RejectClass.TOO_LATE:
        return False
    return all(name != _ATTEMPTS_HEADER for name, _ in reject.record.headers)


def _runs(batch: RecordBatch, rejects: Sequence[Reject], uncounted: int, before: int) -> _Runs:
    """Count from the offset `uncounted` on; `before` were bad in a row already.

    A record is made when it is looked at: only the bad ones are, and what comes where they were expected.
    """
    following = bisect_left(batch.records, uncounted, key=_OFFSET)
    found = _Runs(len(batch) - following, 0, before, before)
    for reject in rejects:
        offset = reject.record.offset
        if offset < uncounted:
            continue
        place = bisect_left(batch.records, offset, following, _bound(batch, following, offset), key=_OFFSET)
        if place > following:
            found.in_a_row = 0
        following = place + 1
        if _counts(reject):
            found.bad += 1
            found.in_a_row += 1
            found.longest = max(found.longest, found.in_a_row)
        else:
            found.records -= 1
    if following < len(batch):
        found.in_a_row = 0
    return found


def _bound(batch: RecordBatch, following: int, offset: int) -> int:
    """No record lies further behind another than their offsets say."""
    return min(len(batch), following + 1 + offset - batch.records[following].offset)

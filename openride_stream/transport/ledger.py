"""Which batches of each partition were handed out, and up to where they may be committed.

Faust's own bookkeeping treats every offset that it did not see as a gap that counts as done, and so would
commit past a batch (which it knows by its last offset only). This ledger never does: the committable
offset is the end of the contiguous acked prefix of what was handed out, in order.
"""

from collections import deque
from dataclasses import dataclass, field

from faust.types import TP


@dataclass(slots=True, eq=False)
class Handout:
    """One batch on its way: offsets `first`..`last` of a partition."""

    tp: TP
    first: int
    last: int
    acked: bool = False


@dataclass(slots=True)
class _Partition:
    next_offset: int | None = None
    committable: int | None = None
    outstanding: deque[Handout] = field(default_factory=deque)
    known_gap: tuple[int, int] | None = None


class Ledger:
    """Hand-outs and acks of every assigned batch partition; single-threaded, used on the event loop."""

    def __init__(self) -> None:
        self._partitions: dict[TP, _Partition] = {}

    def reset(self, tp: TP, next_offset: int | None = None) -> None:
        """Forget what was handed out; acks of it no longer count. Reading goes on at `next_offset`."""
        self._partitions[tp] = _Partition(next_offset=next_offset)

    def forget(self, tp: TP) -> None:
        """The partition is no longer ours."""
        self._partitions.pop(tp, None)

    def next_offset(self, tp: TP) -> int | None:
        """The offset that should be read next; None when not known yet."""
        partition = self._partitions.get(tp)
        return partition.next_offset if partition else None

    def gap_is_new(self, tp: TP, expected: int, first: int) -> bool:
        """Whether records are missing between `expected` and `first` and no re-read has confirmed it.

        The first sight of a gap asks for a re-read; when the same gap shows again, the log really has a
        hole there (compaction, transaction markers, retention).
        """
        if first <= expected:
            return False
        partition = self._partitions.setdefault(tp, _Partition())
        if partition.known_gap == (expected, first):
            return False
        partition.known_gap = (expected, first)
        return True

    def hand_out(self, tp: TP, first: int, last: int) -> Handout:
        """Note that `first`..`last` is being delivered."""
        partition = self._partitions.setdefault(tp, _Partition())
        handout = Handout(tp, first, last)
        partition.outstanding.append(handout)
        partition.next_offset = last + 1
        return handout

    def ack(self, handout: Handout) -> bool:
        """Mark one hand-out as done; False when it was acked before or its partition has moved on."""
        partition = self._partitions.get(handout.tp)
        if handout.acked or partition is None or handout not in partition.outstanding:
            return False
        handout.acked = True
        while partition.outstanding and partition.outstanding[0].acked:
            partition.committable = partition.outstanding.popleft().last + 1
        return True

    def committable(self, tp: TP) -> int | None:
        """The offset to commit (next to read after a restart), or None when nothing is done yet."""
        partition = self._partitions.get(tp)
        return partition.committable if partition else None

    def partitions(self) -> list[TP]:
        """Every partition that the ledger keeps."""
        return list(self._partitions)

    def outstanding(self, tp: TP) -> int:
        """How many batches of the partition are handed out and not part of the acked prefix."""
        partition = self._partitions.get(tp)
        return len(partition.outstanding) if partition else 0

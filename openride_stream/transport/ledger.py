"""Which batches of each partition were handed out, and up to where they may be committed.

Faust's own bookkeeping treats every offset that it did not see as a gap that counts as done, and so would
commit past a batch (which it knows by its last offset only). This ledger never does: the committable
offset is the end of the contiguous acked prefix of what was handed out, in order.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from faust.types import TP

from openride_stream.events.records import Record

LOOKS_AT_A_GAP: Final = 3
"""How often, and for how long, a record is looked for that a wary reader did not find where one should be."""
LOOKED_FOR_S: Final = 0.5


@dataclass(slots=True, eq=False)
class Handout:
    """One batch on its way: offsets `first`..`last` of a partition."""

    tp: TP
    first: int
    last: int
    acked: bool = False


@dataclass(slots=True)
class _Gap:
    """Nothing from `missing` on, before `first`: how often that was seen, and since when."""

    missing: int
    first: int
    since_s: float
    looks: int = 1


@dataclass(slots=True)
class _Partition:
    next_offset: int | None = None
    committable: int | None = None
    outstanding: deque[Handout] = field(default_factory=deque)
    gap: _Gap | None = None


class Ledger:
    """Hand-outs and acks of every assigned batch partition; single-threaded, used on the event loop."""

    def __init__(self, now_s: Callable[[], float] = monotonic) -> None:
        self._partitions: dict[TP, _Partition] = {}
        self._now_s = now_s

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

    def following(self, tp: TP, expected: int, run: Sequence[Record], *, wary: bool) -> int:
        """How many records of `run` may be handed out: those before a gap that is to be read again.

        A gap between what was handed out and `run` is read again once; when it shows again, the log really
        has a hole there (compaction, transaction markers, retention). A `wary` reader, of a broker that can
        show a record before the one that precedes it, looks between the records of `run` as well, and
        believes that nothing is there when it has looked some times and for some time.
        """
        if run[0].offset > expected and self._looks_again(tp, expected, run[0].offset, wary):
            return 0
        if wary and run[-1].offset - run[0].offset >= len(run):
            offsets = [record.offset for record in run]
            for count, offset in enumerate(offsets[1:], 1):
                missing = offsets[count - 1] + 1
                if offset > missing and self._looks_again(tp, missing, offset, wary):
                    return count
        return len(run)

    def _looks_again(self, tp: TP, missing: int, first: int, wary: bool) -> bool:
        partition = self._partitions.setdefault(tp, _Partition())
        gap = partition.gap
        if gap is None or (gap.missing, gap.first) != (missing, first):
            partition.gap = _Gap(missing, first, self._now_s())
            return True
        gap.looks += 1
        return wary and (gap.looks <= LOOKS_AT_A_GAP or self._now_s() - gap.since_s < LOOKED_FOR_S)

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

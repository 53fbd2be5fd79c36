"""How many events came in by minute, and how late: facts of a sample, one an event, by when Kafka got it.

A large batch tells of some of its events, those whose identities begin with enough zeros; of a minute that
has many, a worker keeps those that begin with more. Each then stands for all that were left out beside it.
Which events are kept hangs on the set of them alone, so all workers keep the same ones, whatever they read
first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.placed import Placed
from openride_stream.events.records import Record
from tables.known import Known
from tables.part import Part
from tables.placed_series import ARRIVALS
from tables.series import Facts, added
from tables.wait_sketch import codes

MINUTE_MS: Final = 60_000
MINUTES: Final = 60
COUNTED_ONE_BY_ONE: Final = 64
"""Events of a batch of which each is told of."""
KEPT_A_MINUTE: Final = 4_096
"""Events of a minute of which each is kept; of more at least half as many are, so a count is within 2 %."""
_ALL_BITS: Final = 0xFFFF_FFFF_FFFF_FFFF
_BITS: Final = 64

Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Arrived:
    """When Kafka got the records of a batch: offsets in order, and milliseconds since the epoch of each."""

    offsets: Numbers
    at_ms: Numbers

    @classmethod
    def of(cls, records: Sequence[Record], now_ms: int) -> "Arrived":
        """Those of a batch; a record without a timestamp came now."""
        if isinstance(records, Placed):
            offsets, at_ms = records.offsets, records.timestamps
        else:
            count = len(records)
            offsets = np.fromiter((record.offset for record in records), np.int64, count)
            at_ms = np.fromiter((record.timestamp for record in records), np.int64, count)
        return cls(offsets, np.where(at_ms < 0, now_ms, at_ms))


def arrivals(part: Part, arrived: Arrived, after_ms: int) -> Facts:
    """A fact of each event that is sampled and came after `after_ms`."""
    ids = part.ids("event_id")
    halvings = max(0, (len(ids) - 1) // COUNTED_ONE_BY_ONE).bit_length()
    if halvings:
        chosen = ids <= np.uint64(_ALL_BITS >> halvings)
        part, ids = part.taken(chosen), ids[chosen]
    at_ms = arrived.at_ms[np.searchsorted(arrived.offsets, part.offsets())]
    late = codes(np.zeros(1), np.maximum(at_ms - part.at, 0))
    facts = added(ARRIVALS, ids, at_ms, late=late, share=_BITS - halvings)
    recent: Facts = facts[at_ms > after_ms]
    return recent


class Thinning:
    """Keeps no more than `KEPT_A_MINUTE` facts of each minute: those of the smallest identities."""

    def __init__(self) -> None:
        self._halvings: dict[int, int] = {}

    def chosen(self, facts: Facts) -> Facts:
        """Those of some facts that are kept, as far as it is known by now."""
        if not self._halvings:
            return facts
        kept: Facts = facts[facts["id"] <= self._limits(facts["at"])]
        return kept

    def thin(self, known: Known, oldest_ms: int) -> None:
        """Drop what is too much of any minute, and forget the minutes before `oldest_ms`."""
        self._halvings = {
            minute: number for minute, number in self._halvings.items() if minute > oldest_ms // MINUTE_MS
        }
        while len(known) > KEPT_A_MINUTE:
            minutes = known.moments // MINUTE_MS
            first = int(minutes.min())
            full = np.flatnonzero(np.bincount(minutes - first) > KEPT_A_MINUTE) + first
            if not len(full):
                return
            for minute in full.tolist():
                self._halvings[minute] = self._halvings.get(minute, 0) + 1
            known.keep(known.identities <= self._limits(known.moments))

    def weights(self, at_ms: Numbers, shares: Numbers) -> Numbers:
        """How many events each fact stands for, by its moment and its batch's share."""
        return np.left_shift(1, np.maximum(_BITS - shares.astype(np.int64), self._by_fact(at_ms)))

    def _limits(self, at_ms: Numbers) -> Numbers:
        return np.right_shift(np.uint64(_ALL_BITS), self._by_fact(at_ms).astype(np.uint64))

    def _by_fact(self, at_ms: Numbers) -> Numbers:
        minutes, places = np.unique(at_ms // MINUTE_MS, return_inverse=True)
        return np.array([self._halvings.get(minute, 0) for minute in minutes.tolist()], np.int64)[places]

"""What live tables hold: facts, each of an identity and a moment, in series.

A fact says that something of this identity was seen at this moment. Facts are sets: the same one again, in
any order and from any worker, changes nothing. So a batch that is read twice counts once, and so do two
workers that both believe that a partition is theirs.
"""

from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Facts = npt.NDArray[np.void]
"""Rows of one series: `id` (64 bits of a hash), `at` (ms since the epoch), and the series' own columns."""

HOUR_MS: Final = 3_600_000


class Kept(Enum):
    """Which fact of an identity stays when there are several."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of fact.

    Attributes:
        number: its name in the changelog; never given to another series.
        name: its name in metrics and documents.
        kept: which fact of an identity counts.
        behind_ms: how long a fact is needed; None: as long as open trips are (`OPENRIDE_LIVE_HOURS`).
        columns: name and little-endian dtype of what a fact carries beside `id` and `at`.
    """

    number: int
    name: str
    kept: Kept
    behind_ms: int | None = HOUR_MS
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The layout of its facts."""
        return np.dtype([("id", "<u8"), ("at", "<i8"), *self.columns])

    def horizon_ms(self, live_ms: int) -> int:
        """How long a fact is needed, in milliseconds, where open trips are remembered for `live_ms`."""
        return live_ms if self.behind_ms is None else self.behind_ms

    def distinct(self, facts: Facts) -> Facts:
        """One fact of each identity, in order of identity; the same one whatever the order they came in."""
        if len(facts) == 0:
            return facts
        if not self.columns:
            return self._distinct_moments(facts)
        names = facts.dtype.names or ()
        # lexsort takes its first key last. Whole facts are compared, so that a tie has one outcome.
        ordered: Facts = facts[np.lexsort([facts[name] for name in reversed(names)])]
        differs = ordered["id"][1:] != ordered["id"][:-1]
        first, last = np.append(True, differs), np.append(differs, True)
        chosen: Facts = ordered[last if self.kept is Kept.LATEST else first]
        return chosen

    def _distinct_moments(self, facts: Facts) -> Facts:
        """The same for facts that are a moment and no more: most are, and this takes half the time."""
        ids = facts["id"].copy()
        order = np.argsort(ids)
        ids, at = ids[order], facts["at"][order]
        starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
        best = np.maximum if self.kept is Kept.LATEST else np.minimum
        return made(self, ids[starts], best.reduceat(at, starts))


# Users that no driver's role explains; drivers are users as well, and are not written twice.
RIDERS: Final = Series(1, "riders", Kept.LATEST)
DRIVERS: Final = Series(2, "drivers", Kept.LATEST)
# A minute, and a little for clocks that differ. `weight`: how many events this one stands for, where a
# large batch is sampled (see `tables.sightings`).
EVENTS: Final = Series(3, "events", Kept.EARLIEST, 65_000, (("weight", "<u2"),))
# Of a booking or trip the newest event counts: it is what says whether a window holds one.
BOOKINGS: Final = Series(4, "bookings", Kept.LATEST, None)
REVENUE: Final = Series(5, "revenue", Kept.EARLIEST, HOUR_MS, (("cents", "<i8"), ("currency", "<u4")))
STARTED: Final = Series(6, "trips_started", Kept.LATEST, None, (("booking", "<u8"),))
ENDED: Final = Series(7, "trips_ended", Kept.LATEST, None)
QUEUED: Final = Series(8, "queue_times", Kept.EARLIEST, HOUR_MS, (("tier", "|u1"), ("waited_ms", "<f8")))

ALL_SERIES: Final = (RIDERS, DRIVERS, EVENTS, BOOKINGS, REVENUE, STARTED, ENDED, QUEUED)
BY_NUMBER: Final = {series.number: series for series in ALL_SERIES}


def made(series: Series, ids: npt.NDArray[np.uint64], at: npt.NDArray[np.int64], **columns: Any) -> Facts:
    """Facts of `series` from its columns, all of one length."""
    facts = np.empty(len(ids), series.dtype)
    facts["id"], facts["at"] = ids, at
    for name, values in columns.items():
        facts[name] = values
    return facts


def hashes(uuids: list[str]) -> npt.NDArray[np.uint64]:
    """64 well-mixed bits of each UUID, the same in every process and on every machine.

    Among a hundred million identities two would share theirs with a chance of 1 in 3,700.
    """
    halves = np.frombuffer(bytes.fromhex("".join(uuids).replace("-", "")), ">u8").astype(np.uint64)
    return _mixed(halves[0::2] * _ODD ^ halves[1::2])


def code_of(currency: str) -> int:
    """A currency's three letters as a number."""
    return reduce(lambda code, letter: code << 8 | ord(letter), currency, 0)


_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER: Final = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT: Final = np.uint64(31)


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # One round of a multiply-xorshift mixer: identities that differ in few bits spread over all of them.
    numbers ^= numbers >> _SHIFT
    numbers *= _MULTIPLIER
    numbers ^= numbers >> _SHIFT
    return numbers

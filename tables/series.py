"""What live tables hold: facts, each of an identity and a moment, in series.

A fact says that something of this identity was seen at this moment. Facts are sets: the same one again, in
any order and from any worker, changes nothing. So a batch that is read twice counts once, and so do two
workers that both believe that a partition is theirs.

Of several facts of one identity the newest counts, in every series: it alone says whether a window that ends
at the clock holds one, and so what a worker knows does not depend on when it began to read.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Facts = npt.NDArray[np.void]
"""Rows of one series: `id` (64 bits of a hash), `at` (ms since the epoch), and the series' own columns."""

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of fact.

    Attributes:
        number: its name in the changelog; never given to another series.
        name: its name in metrics and documents.
        behind_ms: how long a fact is needed; None: as long as open trips are (`OPENRIDE_LIVE_HOURS`).
        longer_ms: and how much longer than that.
        columns: name and little-endian dtype of what a fact carries beside `id` and `at`.
    """

    number: int
    name: str
    behind_ms: int | None = HOUR_MS
    longer_ms: int = 0
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The layout of its facts."""
        return np.dtype([("id", "<u8"), ("at", "<i8"), *self.columns])

    def horizon_ms(self, live_ms: int) -> int:
        """How long a fact is needed, in milliseconds, where open trips are remembered for `live_ms`."""
        return (live_ms if self.behind_ms is None else self.behind_ms) + self.longer_ms

    def distinct(self, facts: Facts) -> Facts:
        """The newest fact of each identity, in order of identity; whatever order they came in."""
        if len(facts) == 0:
            return facts
        if not self.columns:
            return self._newest_moments(facts)
        # lexsort takes its first key last.
        order = np.lexsort((facts["at"], facts["id"]))
        ids, at = facts["id"][order], facts["at"][order]
        if ((ids[1:] == ids[:-1]) & (at[1:] == at[:-1])).any():
            # Whole facts are compared, so that a tie has one outcome.
            names = facts.dtype.names or ()
            order = np.lexsort([facts[name] for name in reversed(names)])
            ids = facts["id"][order]
        chosen: Facts = facts[order[np.append(ids[1:] != ids[:-1], True)]]
        return chosen

    def _newest_moments(self, facts: Facts) -> Facts:
        """The same for facts that are a moment and no more: most are, and this takes half the time."""
        ids = facts["id"].copy()
        order = np.argsort(ids)
        ids, at = ids[order], facts["at"][order]
        starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
        return made(self, ids[starts], np.maximum.reduceat(at, starts))


# Users that no driver's role explains; drivers are users as well, and are not written twice.
RIDERS: Final = Series(1, "riders")
DRIVERS: Final = Series(2, "drivers")
# A minute, and a little for clocks that differ. `share`: 64 less how often the sample that the event is of
# was halved (see `tables.sightings`); of two samples it counts in the larger one.
EVENTS: Final = Series(3, "events", 65_000, columns=(("share", "|u1"),))
BOOKINGS: Final = Series(4, "bookings", None)
REVENUE: Final = Series(5, "revenue", columns=(("cents", "<i8"), ("currency", "<u4")))
STARTED: Final = Series(6, "trips_started", None, columns=(("booking", "<u8"),))
# Longer than starts: by the clocks of phones a trip may end before it began.
ENDED: Final = Series(7, "trips_ended", None, HOUR_MS)
QUEUED: Final = Series(8, "queue_times", columns=(("tier", "|u1"), ("waited_ms", "<f8")))

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
    return mixed(halves(uuids))


def halves(uuids: list[str]) -> npt.NDArray[np.uint64]:
    """The first 64 bits and the last of each UUID, (n, 2)."""
    written = bytes.fromhex("".join(uuids).replace("-", ""))
    return np.frombuffer(written, ">u8").astype(np.uint64).reshape(-1, 2)


def mixed(parts: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The same as `hashes` of UUIDs by their halves, (n, 2)."""
    return _mixed(parts[:, 0] * _ODD ^ parts[:, 1])


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

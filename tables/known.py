"""One series as a worker knows it: one fact an identity, in columns that are sorted by identity."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tables.series import Facts, Series, joined

Column = npt.NDArray[Any]

# What has aged is left out of every window at once, and dropped when enough has.
_DROPPED_EVERY_MS: Final = 5_000
_ID_AND_AT: Final = 2


@dataclass(frozen=True, slots=True)
class Window:
    """The facts of a series in a stretch of time; columns are in order of identity."""

    columns: dict[str, Column]
    within: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return int(np.count_nonzero(self.within))

    def __getitem__(self, name: str) -> Column:
        return self.columns[name][self.within]


class Known:
    """Facts of one series; the newest or the earliest of each identity, as the series has it."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._columns = _columns(np.empty(0, series.dtype))

    def __len__(self) -> int:
        return len(self._columns["id"])

    def merge(self, new: Facts) -> None:
        """Take facts in, in any order."""
        new = self._series.distinct(new)
        if not len(self):
            self._columns = _columns(new)
            return
        if not len(new):
            return
        ids = np.ascontiguousarray(new["id"])
        places = np.searchsorted(self._columns["id"], ids)
        met = self._columns["id"][np.minimum(places, len(self) - 1)] == ids
        if met.any():
            self._decide(places[met], new[met])
        if not met.all():
            fresh = ~met
            self._columns = {
                name: np.insert(column, places[fresh], new[name][fresh])
                for name, column in self._columns.items()
            }

    def drop(self, oldest_ms: int) -> None:
        """Forget what is not younger than `oldest_ms`, give or take five seconds."""
        at = self._columns["at"]
        if len(at) and at.min() <= oldest_ms - _DROPPED_EVERY_MS:
            self.keep(at > oldest_ms)

    @property
    def identities(self) -> Column:
        """The identity of each fact, in order."""
        return self._columns["id"]

    @property
    def moments(self) -> Column:
        """The moment of each fact, in order of identity."""
        return self._columns["at"]

    def keep(self, chosen: npt.NDArray[np.bool_]) -> None:
        """Forget all but some of the facts."""
        self._columns = {name: column[chosen] for name, column in self._columns.items()}

    def window(self, after_ms: int, until_ms: int) -> Window:
        """The facts in (after, until]."""
        at = self._columns["at"]
        return Window(self._columns, (at > after_ms) & (at <= until_ms))

    def _decide(self, places: npt.NDArray[np.intp], new: Facts) -> None:
        """Of the known facts at `places` and new ones of the same identities one each stays."""
        known_at, new_at = self._columns["at"][places], new["at"]
        tied = known_at == new_at
        if len(self._columns) > _ID_AND_AT and tied.any():
            new = new.copy()
            new[tied] = self._larger(places[tied], new[tied])
        newer = known_at <= new_at
        for name, column in self._columns.items():
            column[places[newer]] = new[name][newer]

    def _larger(self, places: npt.NDArray[np.intp], new: Facts) -> Facts:
        """Of known and new facts of the same identities and moments the larger ones."""
        old = np.empty(len(places), self._series.dtype)
        for name, column in self._columns.items():
            old[name] = column[places]
        return self._series.distinct(joined([old, new]))


def _columns(facts: Facts) -> dict[str, Column]:
    return {name: facts[name].copy() for name in facts.dtype.names or ()}


def among(ids: Column, known: Column) -> Column:
    """Which of `ids` are in `known`, which is sorted."""
    if not len(known):
        return np.zeros(len(ids), bool)
    found: Column = known[np.minimum(np.searchsorted(known, ids), len(known) - 1)] == ids
    return found


def matched(ids: Column, known: Column, values: Column) -> Column:
    """For each of `ids` the value of the same one in `known`, which is sorted; 0 where it is not there."""
    found = np.zeros(len(ids), values.dtype)
    there = among(ids, known)
    found[there] = values[np.searchsorted(known, ids[there])]
    return found

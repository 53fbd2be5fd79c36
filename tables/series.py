"""What live tables hold: facts, each of an identity and a moment, in series.

A fact says that something of this identity was seen at this moment. Facts are sets: the same one again, in
any order and from any worker, changes nothing. So a batch that is read twice counts once, and so do two
workers that both believe that a partition is theirs.

Of several facts of one identity the newest counts, in every series: it alone says whether a window that ends
at the clock holds one, and so what a worker knows does not depend on when it began to read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Facts = npt.NDArray[np.void]
"""Rows of one series: `id` (64 bits of a hash), `at` (ms since the epoch), and the series' own columns."""

HOUR_MS: Final = 3_600_000
_ID_AND_AT: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One kind of fact.

    Attributes:
        number: its name in the changelog; never given to another series.
        name: its name in metrics and documents.
        behind_ms: how long a fact is needed; None: as long as open trips are (`OPENRIDE_LIVE_HOURS`).
        longer_ms: and how much longer than that.
        columns: name and little-endian dtype of what a fact carries beside `id` and `at`.
        written: the same as it is written, where that is not what is kept (see `tables.as_kept`).
        dtype: the layout of facts that are kept.
        written_dtype: the layout of facts as a batch adds them.
    """

    number: int
    name: str
    behind_ms: int | None = HOUR_MS
    longer_ms: int = 0
    columns: tuple[tuple[str, str], ...] = ()
    written: tuple[tuple[str, str], ...] | None = None
    dtype: np.dtype[Any] = field(init=False)
    written_dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        """Make the layouts once: that takes longer than to fill them."""
        for name, columns in (("dtype", self.columns), ("written_dtype", self.written_columns)):
            object.__setattr__(self, name, np.dtype([("id", "<u8"), ("at", "<i8"), *columns]))

    @property
    def written_columns(self) -> tuple[tuple[str, str], ...]:
        """What a fact carries as a batch adds it, beside `id` and `at`."""
        return self.columns if self.written is None else self.written

    def horizon_ms(self, live_ms: int) -> int:
        """How long a fact is needed, in milliseconds, where open trips are remembered for `live_ms`."""
        return (live_ms if self.behind_ms is None else self.behind_ms) + self.longer_ms

    def distinct(self, facts: Facts) -> Facts:
        """The newest fact of each identity, in order of identity; whatever order they came in."""
        if len(facts) == 0:
            return facts
        order = np.argsort(facts["id"])
        ids = facts["id"][order]
        differs = ids[1:] != ids[:-1]
        if differs.all():
            alone: Facts = facts[order]
            return alone
        starts = np.flatnonzero(np.append(True, differs))
        at = facts["at"][order]
        newest = np.maximum.reduceat(at, starts)
        if len(facts.dtype.names or ()) == _ID_AND_AT:
            return made(self, ids[starts], newest)
        chosen = order[at == np.repeat(newest, np.diff(np.append(starts, len(ids))))]
        found: Facts = facts[chosen]
        return found if len(found) == len(starts) else _without_ties(found)


def joined(facts: Sequence[Facts]) -> Facts:
    """Facts of one layout in one array, which may be read only."""
    # `np.concatenate` looks at each field of each of them.
    return (
        facts[0] if len(facts) == 1 else np.frombuffer(b"".join(part.data for part in facts), facts[0].dtype)
    )


def _without_ties(facts: Facts) -> Facts:
    """Of facts in order of identity one each."""
    follows = np.append(False, facts["id"][1:] == facts["id"][:-1])
    tied = follows | np.append(follows[1:], False)
    chosen = joined([facts[~tied], _largest(facts[tied])])
    ordered: Facts = chosen[np.argsort(chosen["id"])]
    return ordered


def _largest(facts: Facts) -> Facts:
    """Of each identity the largest fact, by all that it carries: so a tie has one outcome."""
    names = facts.dtype.names or ()
    # lexsort takes its first key last.
    ordered: Facts = facts[np.lexsort([facts[name] for name in reversed(names)])]
    chosen: Facts = ordered[np.append(ordered["id"][1:] != ordered["id"][:-1], True)]
    return chosen


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
# Kept as the tier and the bucket of the wait (see `tables.wait_sketch`).
QUEUED: Final = Series(
    8, "queue_times", columns=(("code", "<u2"),), written=(("tier", "|u1"), ("waited_ms", "<f8"))
)

ALL_SERIES: Final = (RIDERS, DRIVERS, EVENTS, BOOKINGS, REVENUE, STARTED, ENDED, QUEUED)
BY_NUMBER: Final = {series.number: series for series in ALL_SERIES}


def made(series: Series, ids: npt.NDArray[np.uint64], at: npt.NDArray[np.int64], **columns: Any) -> Facts:
    """Facts of `series` as they are kept from their columns, all of one length."""
    return _filled(series.dtype, ids, at, columns)


def added(series: Series, ids: npt.NDArray[np.uint64], at: npt.NDArray[np.int64], **columns: Any) -> Facts:
    """The same as they are written."""
    return _filled(series.written_dtype, ids, at, columns)


def _filled(
    layout: np.dtype[Any], ids: npt.NDArray[np.uint64], at: npt.NDArray[np.int64], columns: dict[str, Any]
) -> Facts:
    facts = np.empty(len(ids), layout)
    facts["id"], facts["at"] = ids, at
    for name, values in columns.items():
        facts[name] = values
    return facts


def hashes(uuids: list[str]) -> npt.NDArray[np.uint64]:
    """64 well-mixed bits of each UUID, the same in every process and on every machine.

    Among a hundred million identities two would share theirs with a chance of 1 in 3,700.
    """
    return mixed(uuid_bytes(uuids).view(">u8").astype(np.uint64))


def uuid_bytes(uuids: list[str]) -> npt.NDArray[np.uint8]:
    """The bytes of each UUID, (n, 16), in the order in which they are written."""
    written = bytes.fromhex("".join(uuids).replace("-", ""))
    return np.frombuffer(written, np.uint8).reshape(-1, 16)


def mixed(parts: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The same as `hashes` of UUIDs by their halves, (n, 2)."""
    return mixed_halves(parts[:, 0], parts[:, 1])


def mixed_halves(high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The same by their first 64 bits and their last."""
    return _mixed(high * _ODD ^ low)


@lru_cache(1000)
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

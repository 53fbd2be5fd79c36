"""What a worker knows of the last hours: facts of all partitions, merged as they come, dropped with age."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np

from tables.arrivals import Thinning
from tables.as_kept import kept
from tables.known import Known, Window
from tables.placed_series import ARRIVALS, EVERY_SERIES, ROUTES
from tables.places import RouteOrigins
from tables.series import Facts, Series, joined
from tables.sightings import AHEAD_MS

_UNMERGED_FACTS: Final = 100_000
_MINUTE_MS: Final = 60_000


class LiveState:
    """The facts of every series, one an identity. Used on one event loop.

    Facts that lie ahead of the clock wait until it has come to them: every window ends at the clock.
    """

    def __init__(self, live_ms: int) -> None:
        self._live_ms = live_ms
        self._known = {series: Known(series) for series in EVERY_SERIES}
        self._new: dict[Series, list[Facts]] = {series: [] for series in EVERY_SERIES}
        self._unmerged = 0
        self.thinning = Thinning()
        """How many of the events of a minute are kept."""
        self.origins = RouteOrigins()
        """Where the routes begin that the facts name."""
        # By the minute that they lie in: a look at each second must not go through all of them.
        self._ahead: dict[Series, dict[int, list[Facts]]] = {
            series: defaultdict(list) for series in EVERY_SERIES
        }

    def add(self, added: Mapping[Series, Facts], now_ms: int) -> None:
        """Take in what one batch added."""
        for series, seen in added.items():
            self._new[series].append(seen)
            self._unmerged += len(seen)
        if self._unmerged > _UNMERGED_FACTS:
            self.settle(now_ms)

    def settle(self, now_ms: int) -> None:
        """Merge what came in, and drop what no window will ask for again."""
        # Routes come last: the facts before them name them.
        for series in EVERY_SERIES:
            self._settle(series, now_ms)
        self._unmerged = 0

    def window(self, series: Series, now_ms: int, window_ms: int | None = None) -> Window:
        """The facts of a series in (now − window, now]; without a window all that are remembered.

        `settle` comes first.
        """
        behind_ms = series.horizon_ms(self._live_ms) if window_ms is None else window_ms
        return self._known[series].window(now_ms - behind_ms, now_ms)

    def sizes(self) -> dict[str, int]:
        """How many facts each series holds."""
        return {series.name: len(known) + self._waiting(series) for series, known in self._known.items()}

    def _waiting(self, series: Series) -> int:
        return sum(len(part) for parts in self._ahead[series].values() for part in parts)

    def _settle(self, series: Series, now_ms: int) -> None:
        oldest_ms = now_ms - series.horizon_ms(self._live_ms)
        self._known[series].drop(oldest_ms)
        due = self._due(series, now_ms)
        new, self._new[series] = self._new[series], []
        if new:
            fresh, routes = kept(series, _within(new, oldest_ms, now_ms + AHEAD_MS), now_ms)
            if routes is not None:
                self._new[ROUTES].append(routes)
            if series is ARRIVALS:
                fresh = self.thinning.chosen(fresh)
            if len(fresh) and fresh["at"].max() > now_ms:
                is_due = fresh["at"] <= now_ms
                self._put_off(series, fresh[~is_due])
                fresh = fresh[is_due]
            due.append(fresh)
        if due:
            self._known[series].merge(joined(due))
            if series is ARRIVALS:
                self.thinning.thin(self._known[series], oldest_ms)

    def _put_off(self, series: Series, ahead: Facts) -> None:
        minutes = ahead["at"] // _MINUTE_MS
        for minute in np.unique(minutes).tolist():
            self._ahead[series][minute].append(ahead[minutes == minute])

    def _due(self, series: Series, now_ms: int) -> list[Facts]:
        """What lay ahead and has come, taken out."""
        waiting, due = self._ahead[series], []
        for minute in [minute for minute in waiting if minute <= now_ms // _MINUTE_MS]:
            of_minute = joined(waiting.pop(minute))
            due.append(of_minute[of_minute["at"] <= now_ms])
            if len(later := of_minute[of_minute["at"] > now_ms]):
                waiting[minute] = [later]
        return due


def _within(parts: list[Facts], oldest_ms: int, newest_ms: int) -> Facts:
    facts = joined(parts)
    at = facts["at"]
    if len(at) and at.min() > oldest_ms and at.max() <= newest_ms:
        return facts
    chosen: Facts = facts[(at > oldest_ms) & (at <= newest_ms)]
    return chosen

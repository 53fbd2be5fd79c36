"""What a worker knows of the last hours: facts of all partitions, merged as they come, dropped with age."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from tables.known import Known, Window
from tables.series import ALL_SERIES, Facts, Series
from tables.sightings import AHEAD_MS

_UNMERGED_FACTS: Final = 100_000


class LiveState:
    """The facts of every series, one an identity. Used on one event loop.

    Facts that lie ahead of the clock wait until it has come to them: every window ends at the clock.
    """

    def __init__(self, live_ms: int) -> None:
        self._live_ms = live_ms
        self._known = {series: Known(series) for series in ALL_SERIES}
        self._new: dict[Series, list[Facts]] = {series: [] for series in ALL_SERIES}
        self._unmerged = 0

    def add(self, added: Mapping[Series, Facts], now_ms: int) -> None:
        """Take in what one batch added."""
        for series, seen in added.items():
            self._new[series].append(seen)
            self._unmerged += len(seen)
        if self._unmerged > _UNMERGED_FACTS:
            self.settle(now_ms)

    def settle(self, now_ms: int) -> None:
        """Merge what came in, and drop what no window will ask for again."""
        for series in ALL_SERIES:
            self._settle(series, now_ms)
        self._unmerged = 0

    def window(self, series: Series, now_ms: int, window_ms: int | None = None) -> Window:
        """The facts of a series in (now − window, now]; without a window all that are remembered.

        `settle` comes first.
        """
        behind_ms = series.horizon_ms(self._live_ms) if window_ms is None else window_ms
        return self._known[series].window(now_ms - behind_ms, now_ms)

    def sizes(self) -> dict[str, int]:
        """How many identities each series holds."""
        return {series.name: len(known) for series, known in self._known.items()}

    def _settle(self, series: Series, now_ms: int) -> None:
        oldest_ms = now_ms - series.horizon_ms(self._live_ms)
        known, new = self._known[series], self._new[series]
        known.drop(oldest_ms)
        if new:
            joined = np.concatenate(new)
            joined = joined[(joined["at"] > oldest_ms) & (joined["at"] <= now_ms + AHEAD_MS)]
            due = joined["at"] <= now_ms
            known.merge(joined[due])
            ahead = joined[~due]
            self._new[series] = [ahead] if len(ahead) else []

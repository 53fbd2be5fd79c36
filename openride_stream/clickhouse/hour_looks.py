"""Plans of answers about schedules, from looks at the hours that several questions share."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import merged_pieces
from openride_stream.clickhouse.hours import (
    HourPlan,
    Piece,
    Update,
    dirty_hours,
    few,
    piece_of,
    started_hours,
    unrouted_sql,
    unrouted_updates,
    updated_hours,
)
from openride_stream.clock import Clock, SystemClock

_FOLLOWED: Final = 5_000
"""So many updates that builds may miss are followed one by one to what they change."""
# A look is renewed behind the back of who asks at this share of its age: few wait for one.
_RENEWED_AT: Final = 0.5
SELDOM_S: Final = 60.0
"""What comes seldom is found out again after so long."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What was to be seen at `at_s` (monotonic).

    `dirty` are the hours that were touched since they were built; `changed` those of executions with updates
    that builds may miss, None where these are too many to be followed.
    """

    at_s: float
    dirty: tuple[Piece, ...]
    changed: frozenset[int] | None


class Hours:
    """Plans answers; looks at the hours at most every `look_s` seconds. Used on one event loop."""

    def __init__(self, store: ClickHouse, clock: Clock | None = None, look_s: float = 0.0) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        self._look_s = look_s
        self._last = _Look(float("-inf"), (), frozenset())
        self._looking: asyncio.Task[_Look] | None = None
        self._followed: Mapping[Update, frozenset[int]] = {}
        self._seldom: tuple[str, ...] = ()
        self._seldom_at_s = float("-inf")
        self._seldom_asked: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End the looks that are under way; nobody asks any more."""
        under_way = [task for task in (self._looking, self._seldom_asked) if task is not None]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    @property
    def seldom_known(self) -> tuple[str, ...]:
        """The schedules that came seldom when that was last looked for; none before."""
        return self._seldom

    async def seldom(self, ask: Callable[[], Awaitable[tuple[str, ...]]]) -> tuple[str, ...]:
        """What `ask` says of schedules that come seldom, which takes long: as of two minutes ago at most.

        A worker asks once a minute (`schedules.seldom`), so that no question has to wait for it. Who looks at
        the hours anew each time asks anew.
        """
        if self._look_s == 0:
            return await ask()
        asked_s = self._clock.monotonic_s()
        while self._seldom_at_s <= asked_s - 2 * SELDOM_S:
            await asyncio.shield(self._seldom_renewed(ask))
        if self._seldom_at_s <= asked_s - SELDOM_S:
            self._seldom_renewed(ask)
        return self._seldom

    def _seldom_renewed(self, ask: Callable[[], Awaitable[tuple[str, ...]]]) -> "asyncio.Task[None]":
        async def renew() -> None:
            at_s = self._clock.monotonic_s()
            self._seldom, self._seldom_at_s = await ask(), at_s

        if self._seldom_asked is None or self._seldom_asked.done():
            self._seldom_asked = asyncio.create_task(renew())
            self._seldom_asked.add_done_callback(_heard)
        return self._seldom_asked

    async def plan(self, start_ms: int, end_ms: int) -> HourPlan:
        """How to answer for [start_ms, end_ms), as of at most `look_s` ago."""
        look = await self._recent()
        changed = look.changed
        if changed is None:
            unrouted = unrouted_sql(self._store.database, few(merged_pieces(look.dirty)))
            changed = frozenset(await updated_hours(self._store, unrouted, (start_ms, end_ms)))
        pieces = [
            (max(first, start_ms), min(last, end_ms))
            for first, last in merged_pieces(sorted({*look.dirty, *map(piece_of, changed)}))
            if first < end_ms and start_ms < last
        ]
        return HourPlan(start_ms, end_ms, few(pieces))

    async def _recent(self) -> _Look:
        asked_s = self._clock.monotonic_s()
        if self._look_s == 0:
            return await self._look()  # one that began before the question may be too old
        while self._last.at_s <= asked_s - self._look_s:
            # Shielded: one who goes away must not take it from the others.
            await asyncio.shield(self._renewed())
        if self._last.at_s <= asked_s - self._look_s * _RENEWED_AT:
            self._renewed()
        return self._last

    def _renewed(self) -> "asyncio.Task[_Look]":
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(_heard)
        return self._looking

    async def _look(self) -> _Look:
        at_s = self._clock.monotonic_s()
        dirty = tuple(piece_of(touched.hour) for touched in await dirty_hours(self._store))
        written = few(merged_pieces(dirty))
        updates = await unrouted_updates(self._store, written, _FOLLOWED + 1) if dirty else []
        changed = None if len(updates) > _FOLLOWED else await self._changed(updates)
        self._last = _Look(at_s, dirty, changed)
        return self._last

    async def _changed(self, updates: Sequence[Update]) -> frozenset[int]:
        """The hours of the executions that are changed by `updates`.

        Where one leads is looked up once: an execution that comes in later touches its own hour.
        """
        known = self._followed
        new = [update for update in updates if update not in known]
        hours = await started_hours(self._store, {update.analytics_id for update in new})
        found = {update: hours.get(update.analytics_id, frozenset()) for update in new}
        self._followed = {update: known[update] for update in updates if update in known} | found
        return frozenset[int]().union(*self._followed.values())


def _heard(looking: "asyncio.Task[Any]") -> None:
    """Take note of an error that nobody waits for: the next who asks looks anew."""
    if not looking.cancelled():
        looking.exception()

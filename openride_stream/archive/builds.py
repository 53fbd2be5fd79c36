"""Built days of an archived month stand: nothing makes them dirty while their events are elsewhere.

A build counts as current while it has seen as many touches as its day has had. Of a day that leaves, the last
build is said to have seen more than there ever will be, by a further row of `day_builds`; when the month is
back that row goes, and days that were touched meanwhile are built anew from all of their events.
"""

from collections.abc import Collection
from datetime import date
from typing import Final

import orjson

from openride_stream.archive.months import last_day
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import iso_day
from openride_stream.clickhouse.preaggregations import ALL, MERGED, PreAggregation
from openride_stream.clickhouse.reader import Reader
from openride_stream.clickhouse.reconcile import Reconciler

PINNED: Final = 1 << 40
"""More touches than a day will have; those that a build had really seen come on top."""

_EPOCH: Final = date(1970, 1, 1)


class Builds:
    """The builds of the days of one month of a table."""

    def __init__(self, store: ClickHouse, reconciler: Reconciler) -> None:
        self._store = store
        self._reader = Reader(store)
        self._reconciler = reconciler

    async def complete(self, table: str, month: int) -> None:
        """Build what was never built: of a day that is over its last build stands, but one it must have."""
        await self._reconciler.notice()
        first, last = _days(month)
        for kept in _of(table):
            states = (await self._reader.states([kept], first, last))[kept.name]
            if missing := [state for state in states if state.generation == 0]:
                await self._reconciler.build(kept, missing)

    async def pin(self, table: str, month: int) -> None:
        """From here on the builds of the month's days are current, whatever touches them."""
        first, last = _days(month)
        look = await self._reader.look()
        rows = [
            {
                "preaggregation": kept.name,
                "day": iso_day(state.day),
                "marks_seen": PINNED + state.seen,
                "generation": state.generation,
                "late": int(state.late),
            }
            for kept in _of(table)
            for state in look.states(kept, first, last)
            if state.generation and state.seen < PINNED
        ]
        if rows:
            await self._store.insert(f"{self._store.database}.day_builds", orjson.dumps(rows)[1:-1])

    async def touch(self, table: str, days: Collection[str]) -> None:
        """Have days (ISO) looked at anew: what was built of them may have expired meanwhile."""
        marks = [{"source": table, "day": day, "marks": 1} for day in sorted(days)]
        if marks:
            await self._store.insert(f"{self._store.database}.day_marks", orjson.dumps(marks)[1:-1])

    async def release(self, table: str, month: int) -> int:
        """All events are here: build the days that were touched while pinned; returns how many builds."""
        first, last = _days(month)
        look = await self._reader.look()
        pinned = {
            kept.name: {state.day for state in look.states(kept, first, last) if state.seen >= PINNED}
            for kept in _of(table)
        }
        if not any(pinned.values()):
            return 0
        names = ", ".join(f"'{name}'" for name in pinned)
        merged = ", ".join(f"'{kept.name}'" for kept in MERGED)
        # What is made of those builds goes by what they have seen: it is made again.
        await self._store.execute(
            f"DELETE FROM {self._store.database}.day_builds WHERE "
            f"day BETWEEN toDate({first}) AND toDate({last}) AND "
            f"((preaggregation IN ({names}) AND marks_seen >= {PINNED}) OR preaggregation IN ({merged}))"
        )
        built = 0
        for kept in _of(table):
            states = (await self._reader.states([kept], first, last))[kept.name]
            touched = [state for state in states if not state.clean and state.day in pinned[kept.name]]
            if touched:
                await self._reconciler.build(kept, touched)
                built += len(touched)
        return built


def _of(table: str) -> tuple[PreAggregation, ...]:
    return tuple(kept for kept in ALL if kept.source == table)


def _days(month: int) -> tuple[int, int]:
    last = last_day(month)
    return (last.replace(day=1) - _EPOCH).days, (last - _EPOCH).days

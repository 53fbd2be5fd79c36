"""What questions are asked of: the store, and what was last seen of its days."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from openride_stream.clickhouse.client import ClickHouse, Param, Row
from openride_stream.clickhouse.days import DAY_MS, DayState
from openride_stream.clickhouse.preaggregations import PreAggregation
from openride_stream.clock import Clock, SystemClock

_LAST_DAY: Final = 65_535
NEVER: Final = 1 << 62
"""More than all touches of a day together."""

# A look is renewed behind the back of who asks at this share of its age: few wait for one.
_RENEWED_AT: Final = 0.5

# The touches are summed by day, and of the builds of a day the one that has seen the most of them counts.
_SQL: Final = """
SELECT 0 AS built, toString(source) AS name, toUInt32(day) AS day, sum(marks) AS marks,
    0 AS generation, 0 AS late
FROM {database}.day_marks GROUP BY source, day
UNION ALL
SELECT 1 AS built, toString(preaggregation) AS name, toUInt32(day) AS day, max(marks_seen) AS marks,
    argMax(b.generation, (marks_seen, b.generation)) AS generation,
    argMax(b.late, (marks_seen, b.generation)) > 0 AS late
FROM {database}.day_builds AS b GROUP BY preaggregation, day
UNION ALL
SELECT 2 AS built, '' AS name, toUInt32(0) AS day, 0 AS marks,
    toUInt64(toUnixTimestamp64Milli(min(applied_at))) AS generation, 0 AS late
FROM {database}.schema_migrations
"""
_STORE: Final = 2


@dataclass(frozen=True, slots=True)
class Look:
    """The days as they were at `at_s` (monotonic) or later.

    `marks`: how often each day of a source was touched. `builds`: the touches that the current build of a
    day of a pre-aggregation has seen, its generation, and whether bookings came late for it. `store`: when
    the database was made (ms since the epoch), which tells it from others of the same name.
    """

    at_s: float
    marks: Mapping[str, Mapping[int, int]]
    builds: Mapping[str, Mapping[int, tuple[int, int, bool]]]
    store: int = 0

    def states(self, kept: PreAggregation, first_day: int, last_day: int) -> list[DayState]:
        """Every touched day from `first_day` to `last_day`, in order.

        What is made of others stands for their builds: its `marks` are the touches that those have seen
        together, which only grow, and `NEVER` while one of them is not clean.
        """
        builds = self.builds.get(kept.name, {})
        touches = self._seen(kept, first_day, last_day) if kept.parts else self.marks.get(kept.source, {})
        return [
            DayState(day, marks, *builds.get(day, (0, 0, False)))
            for day, marks in sorted(touches.items())
            if first_day <= day <= last_day
        ]

    def _seen(self, kept: PreAggregation, first_day: int, last_day: int) -> dict[int, int]:
        sums: dict[int, int] = {}
        for part in kept.parts:
            for state in self.states(part, first_day, last_day):
                sums[state.day] = sums.get(state.day, 0) + (state.seen if state.clean else NEVER)
        return {day: min(total, NEVER) for day, total in sums.items()}

    def total(self, source: str, first_day: int = 0, last_day: int = _LAST_DAY) -> int:
        """How often the days from `first_day` to `last_day` were touched."""
        days = self.marks.get(source, {})
        return sum(marks for day, marks in days.items() if first_day <= day <= last_day)


class Reader:
    """Asks the store, and looks at its days at most every `look_s` seconds.

    What has been stored, by whichever worker, is seen within `look_s`; with 0 at once, and the store is
    looked at for every question. A build is used for as long as a look lasts: it is swept much later.
    """

    def __init__(self, store: ClickHouse, clock: Clock | None = None, look_s: float = 0.0) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        self._look_s = look_s
        self._last: Look | None = None
        self._looking: asyncio.Task[Look] | None = None
        self.database = store.database

    async def select(self, sql: str, params: Mapping[str, Param] | None = None) -> list[Row]:
        """See `ClickHouse.select`."""
        return await self._store.select(sql, params)

    async def states(
        self, preaggregations: Sequence[PreAggregation], first_day: int, last_day: int
    ) -> dict[str, list[DayState]]:
        """Every touched day of each from `first_day` to `last_day` (since the epoch, inclusive), by name."""
        look = await self.look()
        return {kept.name: look.states(kept, first_day, last_day) for kept in preaggregations}

    async def version(
        self, sources: Sequence[str], start_ms: int, end_ms: int, whole: Sequence[str] = ()
    ) -> str:
        """What an answer hangs on: it changes with every event of `sources` in the range and all of `whole`.

        The versions of all workers are the same, so that what one has kept another finds; those of another
        database differ, also where it has the same name (a rehearsal on the same Redis) or took its place.
        """
        look = await self.look()
        first, last = start_ms // DAY_MS, (end_ms - 1) // DAY_MS
        found = {source: look.total(source, first, last) for source in sources}
        found |= {source: look.total(source) for source in whole}
        return ",".join((f"{look.store}", *(f"{source}:{total}" for source, total in sorted(found.items()))))

    async def look(self) -> Look:
        """The days as they were at most `look_s` ago."""
        last, now_s = self._last, self._clock.monotonic_s()
        age_s = now_s - last.at_s if last is not None else float("inf")
        if last is not None and age_s < self._look_s:
            if age_s >= self._look_s * _RENEWED_AT:
                self._renew()
            return last
        if self._look_s == 0:
            return await self._fresh()  # one that began before the question may be too old
        # Shielded: one who goes away must not take it from the others. Of a store that takes long the look
        # under way may have begun too early for this question: then the next one.
        while (found := await asyncio.shield(self._renew())).at_s <= now_s - self._look_s:
            pass
        return found

    def _renew(self) -> "asyncio.Task[Look]":
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._fresh())
            self._looking.add_done_callback(_heard)
        return self._looking

    async def _fresh(self) -> Look:
        at_s = self._clock.monotonic_s()
        marks: dict[str, dict[int, int]] = {}
        builds: dict[str, dict[int, tuple[int, int, bool]]] = {}
        made_ms = 0
        for row in await self._store.select(_SQL.format(database=self.database)):
            if row["built"] == _STORE:
                made_ms = row["generation"]
            elif row["built"]:
                build = (row["marks"], row["generation"], bool(row["late"]))
                builds.setdefault(row["name"], {})[row["day"]] = build
            else:
                marks.setdefault(row["name"], {})[row["day"]] = row["marks"]
        self._last = Look(at_s, marks, builds, made_ms)
        return self._last


def _heard(looking: "asyncio.Task[Look]") -> None:
    """Take note of an error that nobody waits for: the next who asks looks anew."""
    if not looking.cancelled():
        looking.exception()

"""The background half of exactness: conflicting contents are found, dirty days are recomputed.

One worker in the cluster runs a round at a time. Two at once, or one that dies half way, do no harm: a
build counts only for the marks that it had read before it read the events.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import orjson

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.conflicts import Conflicts
from openride_stream.clickhouse.days import (
    DAY_MS,
    DayState,
    Plan,
    days_of,
    iso_day,
    merged_pieces,
)
from openride_stream.clickhouse.distinct import NO_ROUTE
from openride_stream.clickhouse.preaggregations import ALL, MERGED, PreAggregation
from openride_stream.clickhouse.reader import NEVER, Look, Reader
from openride_stream.clickhouse.rerouted import mark_rerouted
from openride_stream.clickhouse.retention import retention_days
from openride_stream.clickhouse.schedule_rounds import ScheduleHours
from openride_stream.clock import Clock
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

_LAST_DAY = 65_535
# One statement recomputes so many days: enough to be quick, few enough to bound its memory.
_DAYS_AT_ONCE = 16
_SWEEP_EVERY_S = 600.0
# A reader that planned with a generation has long finished when that is swept, so long after its successor.
_SWEPT_AFTER_MS = 600_000


class Reconciler:
    """Runs rounds; keeps nothing that a restart would miss."""

    def __init__(self, store: ClickHouse, metrics: Metrics, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._reader = Reader(store)
        self._metrics = metrics
        self._clock = clock
        self._retention_days = retention_days(settings)
        self._conflicts = Conflicts(store)
        self.schedules = ScheduleHours(store, clock)
        self._swept_s = clock.monotonic_s()
        self._generation = 0

    async def run(self) -> int:
        """One round; returns how many days were recomputed."""
        await self.notice()
        rebuilt = 0
        look = await self._reader.look()
        self._count_dirty(look)
        for preaggregation in ALL:
            with self._timed(preaggregation):
                dirty = self._dirty(look, preaggregation)
                for first in range(0, len(dirty), _DAYS_AT_ONCE):
                    await self.build(preaggregation, dirty[first : first + _DAYS_AT_ONCE])
            rebuilt += len(dirty)
        look = await self._reader.look()
        self._count_dirty(look)
        for kept in MERGED:
            with self._timed(kept):
                await self.merge(look, kept)
        started_s = self._clock.monotonic_s()
        rebuilt += await self.schedules.build()
        took_s = self._clock.monotonic_s() - started_s
        self._metrics.preaggregation_duration_seconds.labels("schedule_hours").observe(took_s)
        await self._sweep()
        return rebuilt

    async def notice(self) -> None:
        """Find what came in since the last round and changes built days: from now on those are dirty."""
        await self._conflicts.find(self._mark_rerouted)

    async def _mark_rerouted(self, since_s: int) -> None:
        await mark_rerouted(self._store, since_s, self._oldest_day("payment_events"))

    async def build(self, preaggregation: PreAggregation, states: Sequence[DayState]) -> None:
        """Recompute days as a whole and make them the ones that readers use.

        `states` must have been read before: whatever is stored after that read makes its day dirty again.
        """
        generation = self._new_generation()
        columns = ", ".join(("day", *preaggregation.columns(), "generation"))
        pieces = Plan((), merged_pieces(days_of(states)))
        condition, params = pieces.condition("b")
        await self._store.execute(
            f"INSERT INTO {self._store.database}.{preaggregation.table} ({columns}) "
            f"SELECT *, {generation} FROM ({preaggregation.rows_of(self._store.database, condition)})",
            params,
        )
        await self._make_current(preaggregation, states, generation)

    async def merge(self, look: Look, kept: PreAggregation) -> None:
        """Make the days anew of what is made of others, where those are clean by `look`."""
        due = [day for day in look.states(kept, 0, _LAST_DAY) if not day.clean and day.marks < NEVER]
        for first in range(0, len(due), _DAYS_AT_ONCE):
            states = due[first : first + _DAYS_AT_ONCE]
            days = {state.day for state in states}
            builds = [
                (state.day, state.generation)
                for part in kept.parts
                for state in look.states(part, min(days), max(days))
                if state.day in days
            ]
            generation = self._new_generation()
            await self._store.execute(kept.of_builds(self._store.database, builds, generation))
            await self._make_current(kept, states, generation)

    async def _make_current(self, kept: PreAggregation, states: Sequence[DayState], generation: int) -> None:
        late = await self._late(kept, states, generation)
        builds = [
            {
                "preaggregation": kept.name,
                "day": iso_day(state.day),
                "marks_seen": state.marks,
                "generation": generation,
                "late": late.get(state.day, 0),
            }
            for state in states
        ]
        await self._store.insert(f"{self._store.database}.day_builds", orjson.dumps(builds)[1:-1])

    @contextmanager
    def _timed(self, kept: PreAggregation) -> Iterator[None]:
        started_s = self._clock.monotonic_s()
        yield
        took_s = self._clock.monotonic_s() - started_s
        self._metrics.preaggregation_duration_seconds.labels(kept.name).observe(took_s)

    def _new_generation(self) -> int:
        """A number that grows, and that no other build of any table has."""
        self._generation = max(self._generation + 1, time.time_ns() // 1000)
        return self._generation

    async def _late(
        self, kept: PreAggregation, states: Sequence[DayState], generation: int
    ) -> dict[int, int]:
        """How many rows of each day have no route because nobody has told of their booking so far."""
        if not kept.route_of_booking:
            return {}
        rows = await self._store.select(
            f"SELECT toUInt32(t.day) AS day, count() AS late FROM {self._store.database}.{kept.table} AS t "
            "WHERE t.day BETWEEN toDate({first:Int32}) AND toDate({last:Int32}) "
            f"AND generation = {generation} AND booking_id != {NO_ROUTE} GROUP BY t.day",
            {"first": min(state.day for state in states), "last": max(state.day for state in states)},
        )
        return {row["day"]: row["late"] for row in rows}

    def _dirty(self, look: Look, preaggregation: PreAggregation) -> list[DayState]:
        # By a look from before the round: what came in since makes its day dirty for the next one.
        states = look.states(preaggregation, self._oldest_day(preaggregation.source), _LAST_DAY)
        return [state for state in states if not state.clean]

    def _count_dirty(self, look: Look) -> None:
        days = {state.day for preaggregation in ALL for state in self._dirty(look, preaggregation)}
        self._metrics.dirty_days.set(len(days))

    def _oldest_day(self, source: str) -> int:
        """A day whose rows may have expired is sealed: its last build stands."""
        return max(self._clock.now_ms() // DAY_MS - self._retention_days[source] - 1, 0)

    async def _sweep(self) -> None:
        """Delete generations that no reader uses any more.

        Who looked at the days within `_SWEPT_AFTER_MS` may still read what was current then, however old it
        is: what has been replaced stays for that long after its successor.
        """
        if self._clock.monotonic_s() - self._swept_s < _SWEEP_EVERY_S:
            return
        self._swept_s = self._clock.monotonic_s()
        database = self._store.database
        limit = time.time_ns() // 1000 - _SWEPT_AFTER_MS * 1000
        past = f"now64(3) - toIntervalMillisecond({_SWEPT_AFTER_MS})"
        used = (
            f"(SELECT preaggregation, day, generation FROM {database}.day_builds WHERE built_at >= {past} "
            "UNION ALL SELECT preaggregation, day, argMax(b.generation, (marks_seen, b.generation)) "
            f"FROM {database}.day_builds AS b WHERE built_at < {past} GROUP BY preaggregation, day)"
        )
        for preaggregation in (*ALL, *MERGED):
            key = f"'{preaggregation.name}'"
            await self._store.execute(
                f"DELETE FROM {database}.{preaggregation.table} WHERE generation < {limit} "
                f"AND {preaggregation.of_source} "
                f"AND ({key}, day, generation) NOT IN {used}"
            )
        await self.schedules.sweep(_SWEPT_AFTER_MS)
        await self._store.execute(
            f"DELETE FROM {database}.day_builds WHERE generation < {limit} AND preaggregation != 'conflicts' "
            f"AND (preaggregation, day, generation) NOT IN {used}"
        )

"""Hours of schedule executions, built when they are over and whenever something touches them after that."""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import merged_pieces
from openride_stream.clickhouse.hours import (
    HOUR_MS,
    Piece,
    Touched,
    Update,
    dirty_hours,
    iso_hour,
    mark_hours,
    marks_of,
    piece_of,
    unrouted_updates,
    updated_hours,
    within_sql,
)
from openride_stream.clickhouse.queries.schedules.flat import COLUMNS, flat_executions
from openride_stream.clock import Clock

logger = logging.getLogger(__name__)

# One statement builds so many hours: enough to be quick, few enough to bound its memory.
_HOURS_AT_ONCE: Final = 24
_ROUTED_AT_ONCE: Final = 100_000
_LOOKED_UP_AT_ONCE: Final = 5_000


class ScheduleHours:
    """Builds hours; keeps nothing that a restart would miss."""

    def __init__(self, store: ClickHouse, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._generation = 0
        self._last: set[Touched] = set()

    async def build(self) -> int:
        """Build the hours that are over, or still, and were touched since; returns how many were built.

        Hours whose executions were changed by an update that was written in one of these come first: only
        then that one can be said to have seen its updates.
        """
        over = self._clock.now_ms() // HOUR_MS
        dirty = await dirty_hours(self._store)
        # One that goes on is built once nothing comes in any more: else it would be built for nothing.
        still = {touched for touched in dirty if touched in self._last}
        self._last = {*dirty}
        ended = [touched for touched in dirty if touched.hour < over or touched in still]
        written = _pieces(touched.hour for touched in ended)
        changed = set(await updated_hours(self._store, within_sql("event_timestamp", written)))
        # Of hours that go on the updates are taken over one by one: what lies long back must not be read as
        # it was stored for the rest of the hour.
        going_on = _pieces(touched.hour for touched in dirty if touched not in ended)
        updates = await unrouted_updates(self._store, going_on, _ROUTED_AT_ONCE) if going_on else []
        changed |= await self._hours_of(updates)
        changed -= {touched.hour for touched in dirty}
        # Touched, so that no build of before has seen as much as theirs: generations alone do not grow where
        # clocks of workers differ. Touches are counted before executions are read, as those of the others.
        await mark_hours(self._store, changed)
        states = [*await marks_of(self._store, sorted(changed)), *ended]
        for first in range(0, len(states), _HOURS_AT_ONCE):
            await self._build(states[first : first + _HOURS_AT_ONCE])
        await self._routed(updates)
        return len(states)

    async def _hours_of(self, updates: Sequence[Update]) -> set[int]:
        """The built hours of the executions that they change."""
        hours: set[int] = set()
        for first in range(0, len(updates), _LOOKED_UP_AT_ONCE):
            ids = ", ".join(f"'{each.analytics_id}'" for each in updates[first : first + _LOOKED_UP_AT_ONCE])
            hours |= {*await updated_hours(self._store, f"analytics_id IN ({ids})")}
        return hours

    async def _routed(self, updates: Sequence[Update]) -> None:
        if updates:
            rows = [{"event_id": each.event_id, "precedence": each.precedence} for each in updates]
            table = f"{self._store.database}.schedule_routed"
            await self._store.insert(table, orjson.dumps(rows)[1:-1])

    async def _build(self, states: Sequence[Touched]) -> None:
        """Make the executions of hours anew, and these the ones that readers use.

        `states` must have been read before: whatever is stored after that read makes its hour dirty again.
        """
        hours = [touched.hour for touched in states]
        first = self._generation = max(self._generation + 1, time.time_ns() // 1000)
        self._generation += len(hours)
        pieces = _pieces(hours)
        within = within_sql("started_processing_at", pieces)
        rows = flat_executions(self._store.database, within, COLUMNS, since_ms=pieces[0][0])
        numbers = ", ".join(str(hour) for hour in hours)
        hour = "toUInt32(intDiv(toUnixTimestamp64Milli(started_processing_at), 3600000))"
        await self._store.execute(
            f"INSERT INTO {self._store.database}.schedule_hours (hour, {', '.join(COLUMNS)}, generation) "
            f"SELECT toDateTime({hour} * 3600, 'UTC'), {', '.join(COLUMNS)}, "
            # No two hours have the same generation: it alone says which rows count.
            f"{first} + indexOf([{numbers}], {hour}) FROM {rows}"
        )
        builds = [
            {"hour": iso_hour(touched.hour), "marks_seen": touched.marks, "generation": first + 1 + number}
            for number, touched in enumerate(states)
        ]
        await self._store.insert(f"{self._store.database}.schedule_builds", orjson.dumps(builds)[1:-1])

    async def sweep(self, kept_ms: int) -> None:
        """Delete generations that were replaced longer than `kept_ms` ago: no reader uses them any more."""
        database = self._store.database
        limit = time.time_ns() // 1000 - kept_ms * 1000
        past = f"now64(3) - toIntervalMillisecond({kept_ms})"
        used = (
            f"(SELECT generation FROM {database}.schedule_builds WHERE built_at >= {past} UNION ALL "
            "SELECT argMax(b.generation, (marks_seen, b.generation)) "
            f"FROM {database}.schedule_builds AS b WHERE built_at < {past} GROUP BY hour)"
        )
        for table in ("schedule_hours", "schedule_builds"):
            await self._store.execute(
                f"DELETE FROM {database}.{table} WHERE generation < {limit} AND generation NOT IN {used}"
            )


def _pieces(hours: Iterable[int]) -> tuple[Piece, ...]:
    return merged_pieces([piece_of(hour) for hour in sorted(hours)])

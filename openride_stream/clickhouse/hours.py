"""Which hours of schedule executions can be read from their build, and which from what was stored.

An hour is touched by an execution that started in it and by an update that was written in it. A build that
has seen every touch of its hour has all its executions, and all updates that were written in it are in the
builds of the executions that they change, wherever those lie. So what is not in the builds is in the hours
that were touched since, or is changed by an update that was written in one of those.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import merged_pieces
from openride_stream.clock import Clock, SystemClock

HOUR_MS: Final = 3_600_000
MARKS: Final = "schedule_marks"
HOURLY: Final = "schedule_analytics"
"""The table whose rows touch hours, where those of others touch days."""
# A condition of hundreds of ranges costs more than it saves.
_MOST_PIECES: Final = 40
_EVER: Final = (0, 1 << 41)

_TOUCHED: Final = """
SELECT hour_s, sum(m) AS marks, max(s) AS seen FROM
(
    SELECT toUnixTimestamp(hour) AS hour_s, marks AS m, 0 AS s FROM {database}.schedule_marks
    UNION ALL
    -- A day that is touched as a whole: by a conflict of contents, or by a worker that knows no hours.
    SELECT toUInt32(toUInt32(day) * 86400 + number * 3600) AS hour_s, marks AS m, 0 AS s
    FROM {database}.day_marks ARRAY JOIN range(24) AS number WHERE source = '{source}'
    UNION ALL
    SELECT toUnixTimestamp(hour) AS hour_s, 0 AS m, marks_seen AS s FROM {database}.schedule_builds
)
WHERE {condition} GROUP BY hour_s HAVING {having} ORDER BY hour_s
"""

Piece = tuple[int, int]
"""[start_ms, end_ms) since the epoch."""


@dataclass(frozen=True, slots=True)
class Touched:
    """An hour (since the epoch) and how often it was touched."""

    hour: int
    marks: int


@dataclass(frozen=True, slots=True)
class HourPlan:
    """How to answer for [start_ms, end_ms): `pieces` of it from what is stored, the rest from builds."""

    start_ms: int
    end_ms: int
    pieces: tuple[Piece, ...]

    @property
    def built(self) -> bool:
        """Whether anything is read from builds."""
        return self.pieces != ((self.start_ms, self.end_ms),)


async def dirty_hours(store: ClickHouse) -> list[Touched]:
    """The hours that were touched since they were built, in order."""
    return await _touched(store, "1", "marks > seen")


async def marks_of(store: ClickHouse, hours: Sequence[int]) -> list[Touched]:
    """How often each of `hours` was touched."""
    numbers = ", ".join(str(hour * 3600) for hour in hours)
    return await _touched(store, f"hour_s IN ({numbers})", "1") if hours else []


async def _touched(store: ClickHouse, condition: str, having: str) -> list[Touched]:
    sql = _TOUCHED.format(database=store.database, source=HOURLY, condition=condition, having=having)
    return [Touched(row["hour_s"] // 3600, row["marks"]) for row in await store.select(sql, bounded=False)]


@dataclass(frozen=True, slots=True)
class Update:
    """The identity of one content of an update, and the execution that it changes."""

    event_id: str
    precedence: int
    analytics_id: str


def unrouted_sql(database: str, written: Sequence[Piece]) -> str:
    """SQL of the condition that an update was written in any of the pieces and may be missing in a build.

    One whose event_id has a content that lost is looked at again: who has been changed by that one is to be
    changed back.
    """
    return (
        f"{within_sql('event_timestamp', written)} AND ((event_id, precedence) NOT IN "
        f"(SELECT event_id, precedence FROM {database}.schedule_routed) "
        f"OR event_id IN (SELECT event_id FROM {database}.superseded_events))"
    )


async def unrouted_updates(store: ClickHouse, written: Sequence[Piece], limit: int) -> list[Update]:
    """At most `limit` updates that were written in any of the pieces and may be missing in a build."""
    rows = await store.select(
        "SELECT toString(event_id) AS event_id, toString(precedence) AS precedence, "
        f"toString(analytics_id) AS analytics_id FROM {store.database}.schedule_updates "
        f"WHERE {unrouted_sql(store.database, written)} LIMIT {limit}",
        bounded=False,
    )
    return [Update(row["event_id"], int(row["precedence"]), row["analytics_id"]) for row in rows]


async def updated_hours(store: ClickHouse, updates: str, within: Piece = _EVER) -> list[int]:
    """Built hours of `within` that have executions with updates that meet a condition (our own SQL)."""
    database = store.database
    rows = await store.select(
        "SELECT DISTINCT toUnixTimestamp(hour) AS hour_s "
        f"FROM {database}.schedule_hours WHERE hour >= {hour_sql(within[0])} "
        f"AND hour < {hour_sql(within[1])} AND reinterpretAsUInt128(analytics_id) IN "
        "(SELECT reinterpretAsUInt128(analytics_id) "
        f"FROM {database}.schedule_updates WHERE {updates})",
        bounded=False,
    )
    return sorted(row["hour_s"] // 3600 for row in rows)


def piece_of(hour: int) -> Piece:
    """The hour (since the epoch) as a piece."""
    return hour * HOUR_MS, (hour + 1) * HOUR_MS


def within_sql(column: str, pieces: Sequence[Piece]) -> str:
    """SQL condition that a moment lies in one of the pieces."""
    terms = [
        f"({column} >= fromUnixTimestamp64Milli({start}, 'UTC') "
        f"AND {column} < fromUnixTimestamp64Milli({end}, 'UTC'))"
        for start, end in pieces
    ]
    return f"({' OR '.join(terms)})" if terms else "0"


def hour_sql(ms: int) -> str:
    """SQL of the beginning of the hour that `ms` (since the epoch) lies in."""
    return f"toDateTime({max(ms, 0) // HOUR_MS * 3600}, 'UTC')"


def few(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces, or what they span where they are too many."""
    if len(pieces) > _MOST_PIECES:
        return ((pieces[0][0], pieces[-1][1]),)
    return tuple(pieces)


@dataclass(frozen=True, slots=True)
class _Look:
    """The dirty hours at `at_s` (monotonic); `updates` says whether a build may miss some written in them."""

    at_s: float
    dirty: tuple[Piece, ...]
    updates: bool


class Hours:
    """Plans answers; looks at the hours at most every `look_s` seconds. Used on one event loop."""

    def __init__(self, store: ClickHouse, clock: Clock | None = None, look_s: float = 0.0) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        self._look_s = look_s
        self._last = _Look(float("-inf"), (), updates=False)
        self._looking: asyncio.Task[_Look] | None = None

    async def plan(self, start_ms: int, end_ms: int) -> HourPlan:
        """How to answer for [start_ms, end_ms), as of at most `look_s` ago."""
        look = await self._recent()
        changed: list[int] = []
        if look.updates:
            unrouted = unrouted_sql(self._store.database, few(merged_pieces(look.dirty)))
            changed = await updated_hours(self._store, unrouted, (start_ms, end_ms + HOUR_MS - 1))
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
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
                self._looking.add_done_callback(_heard)
            # Shielded: one who goes away must not take it from the others.
            await asyncio.shield(self._looking)
        return self._last

    async def _look(self) -> _Look:
        at_s = self._clock.monotonic_s()
        dirty = tuple(piece_of(touched.hour) for touched in await dirty_hours(self._store))
        updates = bool(dirty and await unrouted_updates(self._store, few(merged_pieces(dirty)), 1))
        self._last = _Look(at_s, dirty, updates)
        return self._last


def _heard(looking: "asyncio.Task[_Look]") -> None:
    """Take note of an error that nobody waits for: the next who asks looks anew."""
    if not looking.cancelled():
        looking.exception()


def mark_rows(hours: Iterable[int]) -> bytes:
    """Rows of `schedule_marks`: a touch for each of `hours` (since the epoch)."""
    rows: list[dict[str, Any]] = [{"hour": iso_hour(hour), "marks": 1} for hour in sorted(hours)]
    return orjson.dumps(rows)[1:-1]


async def mark_hours(store: ClickHouse, hours: Iterable[int]) -> None:
    """Touch each of `hours` (since the epoch)."""
    if rows := mark_rows(hours):
        await store.insert(f"{store.database}.{MARKS}", rows)


def iso_hour(hour: int) -> str:
    """An hour (since the epoch) as ClickHouse reads a DateTime."""
    return datetime.fromtimestamp(hour * 3600, UTC).strftime("%Y-%m-%d %H:%M:%S")

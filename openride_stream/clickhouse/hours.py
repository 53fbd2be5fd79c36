"""Which hours of schedule executions can be read from their build, and which from what was stored.

An hour is touched by an execution that started in it and by an update that was written in it. A build that
has seen every touch of its hour has all its executions, and all updates that were written in it are in the
builds of the executions that they change, wherever those lie. So what is not in the builds is in the hours
that were touched since, or is changed by an update that was written in one of those.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS, iso_day

HOUR_MS: Final = 3_600_000
MARKS: Final = "schedule_marks"
HOURLY: Final = "schedule_analytics"
"""The table whose rows touch hours, where those of others touch days."""
# A condition of hundreds of ranges costs more than it saves.
_MOST_PIECES: Final = 40
_LOOKED_UP: Final = 50
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
    return [
        Touched(row["hour_s"] // 3600, row["marks"])
        for row in await store.select(sql, bounded=False, compiled=False)
    ]


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
        compiled=False,
    )
    return [Update(row["event_id"], int(row["precedence"]), row["analytics_id"]) for row in rows]


async def updated_hours(store: ClickHouse, updates: str, within: Piece = _EVER) -> list[int]:
    """Built hours of `within` that have executions with updates that meet a condition (our own SQL)."""
    database = store.database
    rows = await store.select(
        "SELECT DISTINCT toUnixTimestamp(hour) AS hour_s "
        f"FROM {database}.schedule_hours WHERE {hours_sql(*within)} "
        "AND reinterpretAsUInt128(analytics_id) IN "
        "(SELECT reinterpretAsUInt128(analytics_id) "
        f"FROM {database}.schedule_updates WHERE {updates})",
        bounded=False,
        compiled=False,
    )
    return sorted(row["hour_s"] // 3600 for row in rows)


async def started_hours(store: ClickHouse, ids: Collection[str]) -> dict[str, frozenset[int]]:
    """The hours in which executions started, by the analytics_ids that are known of `ids`."""
    if not ids:
        return {}
    literals = ", ".join(f"'{UUID(each)}'" for each in ids)
    # An index knows which granules may hold an id: of many ids nearly all may.
    rare = len(ids) <= _LOOKED_UP
    source, hour, identity = (
        ("schedule_executions", "toStartOfHour(started_processing_at)", "analytics_id")
        if rare
        else ("schedule_hours", "hour", "reinterpretAsUInt128(analytics_id)")
    )
    chosen = f"SELECT {'' if rare else 'reinterpretAsUInt128'}(toUUID(arrayJoin([{literals}])))"
    rows = await store.select(
        f"SELECT DISTINCT toString(analytics_id) AS id, toUnixTimestamp({hour}) AS hour_s "
        f"FROM {store.database}.{source} WHERE {identity} IN ({literals if rare else chosen})",
        bounded=False,
        compiled=False,
    )
    found: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        found[row["id"]].add(row["hour_s"] // 3600)
    return {identity: frozenset(hours) for identity, hours in found.items()}


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


def hours_sql(start_ms: int, end_ms: int) -> str:
    """SQL condition: an hour of `schedule_hours` that has a part of [start_ms, end_ms).

    The order of that table begins with the day, and has the hour at its end. Of bounds of the day the store
    makes bounds of the hour, for which that order is of no use: hence the list.
    """
    hours = f"hour >= {hour_sql(start_ms)} AND hour < {hour_sql(end_ms + HOUR_MS - 1)}"
    days = range(max(start_ms, 0) // DAY_MS, (end_ms - 1) // DAY_MS + 1)
    if len(days) > _MOST_PIECES:
        return hours
    listed = ", ".join(f"'{iso_day(day)}'" for day in days)
    return f"toDate(hour) IN ({listed}) AND {hours}" if listed else "0"


def hour_sql(ms: int) -> str:
    """SQL of the beginning of the hour that `ms` (since the epoch) lies in."""
    return f"toDateTime({max(ms, 0) // HOUR_MS * 3600}, 'UTC')"


def few(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces, or what they span where they are too many."""
    if len(pieces) > _MOST_PIECES:
        return ((pieces[0][0], pieces[-1][1]),)
    return tuple(pieces)


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

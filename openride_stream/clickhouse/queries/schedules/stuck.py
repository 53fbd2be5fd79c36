"""Schedules that are expected and not seen: those that came at regular times and stopped.

How often a schedule comes is told from the last 24 hours, where it has come often enough in them, else from
all the days by which schedules are remembered. Few do not come often enough: which these are is found out
once a minute, whether anybody asks or not, and with some to spare.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse, Param, Row
from openride_stream.clickhouse.hour_looks import Hours
from openride_stream.clickhouse.queries.rounding import two_places
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import HOUR_MS, Span
from openride_stream.clock import rfc3339

LEAST_TIMES: Final = 4
"""Of a schedule that was due less often nobody can say when it is due again."""
RECENT_MS: Final = 24 * HOUR_MS
STUCK_TOLD: Final = 100
LEAST_SILENCE_MS: Final = 60_000
SELDOM_MOST: Final = 1_000
"""So many that come seldom are watched, the longest silent ones."""

_COLUMNS: Final = ("schedule_id", "scheduled_at", "started_processing_at")
_RECENT: Final = "started_processing_at >= fromUnixTimestamp64Milli({recent:Int64}, 'UTC')"
_CHOSEN: Final = "schedule_id IN (SELECT arrayJoin({schedules:Array(String)}))"
_SELDOM: Final = """
SELECT schedule_id FROM {known}
WHERE schedule_id NOT IN
    (SELECT schedule_id FROM {lately} GROUP BY schedule_id HAVING uniqExact(scheduled_at) >= {often})
GROUP BY schedule_id HAVING uniqExact(scheduled_at) >= {least}
ORDER BY max(scheduled_at), schedule_id LIMIT {most}
"""
# The gap is the median one between two times at which it was due, whatever became of those.
_STUCK: Final = """
SELECT schedule_id, last_ms, gap_ms FROM
(
    SELECT schedule_id, arraySort(groupUniqArray(toUnixTimestamp64Milli(scheduled_at))) AS times,
           times[-1] AS last_ms,
           arrayReduce('quantileExactInclusive(0.5)', arrayPopFront(arrayDifference(times))) AS gap_ms
    FROM {rows}
    GROUP BY schedule_id HAVING {having}length(times) >= {least}
)
WHERE {{now:Int64}} - last_ms > greatest({{intervals:Float64}} * gap_ms, {silence})
ORDER BY last_ms, schedule_id LIMIT {told}
"""
# Only of those that are stuck: of all of them it would take longer than to find these.
_LAST: Final = """
SELECT schedule_id, last.1 AS schedule_type, last.2 AS schedule_name, last.3 AS node FROM
(
    SELECT schedule_id, argMax((toString(schedule_type), schedule_name, toString(processed_by_node)),
                               (started_processing_at, UUIDToNum(analytics_id))) AS last
    FROM {rows} GROUP BY schedule_id
)
"""


def looked_back_ms(now_ms: int, days: int) -> int:
    """From when on it is known how often a schedule is due."""
    return now_ms - days * 24 * HOUR_MS


async def stuck_schedules(source: Source, now_ms: int, intervals: float, days: int) -> list[dict[str, Any]]:
    """Schedules that came regularly and were not due for more than `intervals` of their usual gap.

    `now_ms` is since the epoch; the longest silent come first, a hundred at most.
    """
    span, recent = _spans(now_ms, days)
    params = {**span.params(), "recent": recent.start_ms, "now": now_ms, "intervals": intervals}
    often, seldom = await asyncio.gather(
        source.select(_stuck(source.rows(recent, _COLUMNS, _RECENT)), params),
        _stuck_seldom(source, span, recent, params),
    )
    found = sorted([*often, *seldom], key=lambda row: (row["last_ms"], row["schedule_id"].encode()))
    found = found[:STUCK_TOLD]
    last = await _last(source, span, [row["schedule_id"] for row in found])
    return [
        {
            "schedule_id": row["schedule_id"],
            "schedule_name": last[row["schedule_id"]]["schedule_name"] or None,
            "schedule_type": last[row["schedule_id"]]["schedule_type"],
            "last_scheduled_at": rfc3339(row["last_ms"]),
            "expected_every_ms": two_places(float(row["gap_ms"])),
            "silent_ms": now_ms - row["last_ms"],
            "last_node": last[row["schedule_id"]]["node"] or None,
        }
        for row in found
        # One that was deleted in between is left out.
        if row["schedule_id"] in last
    ]


async def look_for_seldom(store: ClickHouse, hours: Hours, now_ms: int, days: int) -> None:
    """Find out which schedules come seldom, where that is a minute old, so that no question waits for it.

    Raises:
        StoreUnavailable: the store is away; a question tries it anew.
    """
    span, recent = _spans(now_ms, days)
    source = await Source.of(store, hours, span.start_ms, span.end_ms)
    await _seldom(source, span, recent, {**span.params(), "recent": recent.start_ms})


def _spans(now_ms: int, days: int) -> tuple[Span, Span]:
    """All the time by which schedules are remembered, and the last 24 hours of it."""
    start_ms = looked_back_ms(now_ms, days)
    return Span(start_ms, now_ms), Span(max(start_ms, now_ms - RECENT_MS), now_ms)


def _stuck(rows: str, having: str = "") -> str:
    return _STUCK.format(
        rows=rows, having=having, least=LEAST_TIMES, silence=LEAST_SILENCE_MS, told=STUCK_TOLD
    )


async def _stuck_seldom(source: Source, span: Span, recent: Span, params: dict[str, Param]) -> list[Row]:
    """Those of them that do not come often enough in the last 24 hours to be told by these."""
    schedules = await _seldom(source, span, recent, params)
    if not schedules:
        return []
    # Since it was found out they may have come often enough: then they are among the others.
    seldom = f"uniqExactIf(scheduled_at, {_RECENT}) < {LEAST_TIMES} AND "
    sql = _stuck(source.rows(span, _COLUMNS, _CHOSEN), seldom)
    return await source.select(sql, {**params, "schedules": [*schedules]})


async def _seldom(source: Source, span: Span, recent: Span, params: dict[str, Param]) -> Sequence[str]:
    async def ask() -> tuple[str, ...]:
        sql = _SELDOM.format(
            known=source.every_row(span, ("schedule_id", "scheduled_at")),
            lately=source.rows(recent, _COLUMNS, _RECENT),
            least=LEAST_TIMES,
            often=2 * LEAST_TIMES,
            most=SELDOM_MOST,
        )
        return tuple(row["schedule_id"] for row in await source.select(sql, params))

    return await source.hours.seldom(ask) if span.start_ms < recent.start_ms else ()


async def _last(source: Source, span: Span, schedules: list[str]) -> dict[str, Row]:
    """The last execution of each of some schedules."""
    if not schedules:
        return {}
    columns = (
        *("analytics_id", "schedule_id", "schedule_type", "started_processing_at"),
        *("schedule_name", "processed_by_node"),
    )
    sql = _LAST.format(rows=source.rows(span, columns, _CHOSEN))
    rows = await source.select(sql, {**span.params(), "schedules": schedules})
    return {row["schedule_id"]: row for row in rows}

"""What becomes of schedules over time: those that stopped coming, and how long the way over tiers takes."""

from typing import Any, Final

from openride_stream.clickhouse.client import Row
from openride_stream.clickhouse.queries.rounding import two_places
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import HOUR_MS, Span
from openride_stream.clickhouse.queries.schedules.tiers import durations, durations_sql
from openride_stream.clock import rfc3339

LEAST_TIMES: Final = 4
"""Of a schedule that was due less often nobody can say when it is due again."""
RECENT_MS: Final = 24 * HOUR_MS
"""How often a schedule comes is told from here on, where it has come often enough since."""
STUCK_TOLD: Final = 100
LEAST_SILENCE_MS: Final = 60_000
HOPS: Final = ("mongo_periodic", "clickhouse_delayed", "redis_immediate", "execution")
"""Due until found; found until handed over; handed over until fired; fired until completed, retries too."""

_RECENT: Final = "started_processing_at >= fromUnixTimestamp64Milli({recent:Int64}, 'UTC')"
_SELDOM: Final = """
NOT {recent} AND schedule_id IN
(
    SELECT DISTINCT schedule_id FROM {known} WHERE schedule_id NOT IN
    (SELECT schedule_id FROM {rows} GROUP BY schedule_id HAVING uniqExact(scheduled_at) >= {least})
)
"""
# The gap is the median one between two times at which it was due, whatever became of those. Most schedules
# came often enough lately: of those nothing older is looked at.
_STUCK: Final = """
SELECT schedule_id, last_ms, gap_ms FROM
(
    SELECT schedule_id,
           arraySort(groupUniqArray(toUnixTimestamp64Milli(scheduled_at))) AS times,
           times[-1] AS last_ms,
           arrayReduce('quantileExactInclusive(0.5)', arrayPopFront(arrayDifference(times))) AS gap_ms
    FROM
    (
        SELECT schedule_id, scheduled_at FROM {recent}
        UNION ALL SELECT schedule_id, scheduled_at FROM {older}
    )
    GROUP BY schedule_id HAVING length(times) >= {least}
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
_CHAINS: Final = f"""
SELECT count() AS chains, {{figures}}
FROM
(
    SELECT found != 0 AND handed != 0 AND fired != 0 AS whole,
           if(whole, found - due, NULL) AS hop0, if(whole, handed - found, NULL) AS hop1,
           if(whole, fired - handed, NULL) AS hop2, if(whole, ended - fired, NULL) AS hop3,
           if(whole, ended - due, NULL) AS way
    FROM
    (
        SELECT min(toUnixTimestamp64Milli(scheduled_at)) AS due,
               minIf(started_ms, schedule_type = '{HOPS[0]}') AS found,
               minIf(started_ms, schedule_type = '{HOPS[1]}') AS handed,
               minIf(started_ms, schedule_type = '{HOPS[2]}') AS fired,
               maxIf(ended_ms, schedule_type = '{HOPS[2]}') AS ended
        FROM (SELECT *, toUnixTimestamp64Milli(started_processing_at) AS started_ms,
                     toUnixTimestamp64Milli(completed_at) AS ended_ms FROM {{rows}})
        GROUP BY correlation_id
    )
)
"""


def looked_back_ms(now_ms: int, days: int) -> int:
    """From when on it is known how often a schedule is due."""
    return now_ms - days * 24 * HOUR_MS


async def stuck_schedules(source: Source, now_ms: int, intervals: float, days: int) -> list[dict[str, Any]]:
    """Schedules that came regularly and were not due for more than `intervals` of their usual gap.

    The `days` before `now_ms` (since the epoch) are looked at, of what came four times in the last 24 hours
    only these; the longest silent come first.
    """
    span = Span(looked_back_ms(now_ms, days), now_ms)
    recent = Span(max(span.start_ms, now_ms - RECENT_MS), now_ms)
    columns = ("schedule_id", "scheduled_at", "started_processing_at")
    lately = source.rows(recent, columns, _RECENT)
    known = source.schedule_ids(Span(span.start_ms, recent.start_ms))
    seldom = _SELDOM.format(recent=_RECENT, known=known, rows=lately, least=LEAST_TIMES)
    sql = _STUCK.format(
        recent=lately,
        older=source.rows(span, columns, seldom),
        least=LEAST_TIMES,
        silence=LEAST_SILENCE_MS,
        told=STUCK_TOLD,
    )
    params = {**span.params(), "recent": recent.start_ms, "now": now_ms, "intervals": intervals}
    found = await source.select(sql, params)
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


async def _last(source: Source, span: Span, schedules: list[str]) -> dict[str, Row]:
    """The last execution of each of some schedules."""
    if not schedules:
        return {}
    columns = (
        *("analytics_id", "schedule_id", "schedule_type", "started_processing_at"),
        *("schedule_name", "processed_by_node"),
    )
    chosen = "schedule_id IN (SELECT arrayJoin({schedules:Array(String)}))"
    sql = _LAST.format(rows=source.rows(span, columns, chosen))
    rows = await source.select(sql, {**span.params(), "schedules": schedules})
    return {row["schedule_id"]: row for row in rows}


async def end_to_end(source: Source, span: Span) -> dict[str, Any]:
    """The way of what shares a correlation_id: whole where all three tiers were passed in the span."""
    columns = ("schedule_type", "correlation_id", "scheduled_at", "started_processing_at", "completed_at")
    figures = ", ".join(
        [durations_sql("way", "way"), *(durations_sql(f"hop{n}", f"hop{n}") for n in range(len(HOPS)))]
    )
    rows = source.rows(span, columns)
    (row,) = await source.select(_CHAINS.format(figures=figures, rows=rows), span.params())
    hops = {hop: durations(row, f"hop{number}") for number, hop in enumerate(HOPS)}
    total = durations(row, "way")
    slowest = max(HOPS, key=lambda hop: hops[hop]["p95_ms"]) if total["count"] else None
    return {
        "chains": row["chains"],
        "total_time": total,
        "hops": hops,
        "slowest_hop": slowest,
    }

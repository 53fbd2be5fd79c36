"""How long the way over the tiers takes, and which part of it longest."""

from typing import Any, Final

from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import Span
from openride_stream.clickhouse.queries.schedules.tiers import durations, durations_sql

HOPS: Final = ("mongo_periodic", "clickhouse_delayed", "redis_immediate", "execution")
"""Due until found; found until handed over; handed over until fired; fired until completed, retries too."""

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

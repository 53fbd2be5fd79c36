"""`GET /v1/metrics/users`."""

import asyncio
from dataclasses import replace
from typing import Any, Final

from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.distinct import counted
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.registrations import bounds, first_facts, here
from openride_stream.clickhouse.queries.rounding import percentage
from openride_stream.clickhouse.queries.series import active, active_series
from openride_stream.clickhouse.queries.source import all_rows, touched, windows
from openride_stream.clickhouse.reader import Reader

_IN_RANGE: Final = "at >= fromUnixTimestamp64Milli({registered_from:Int64}, 'UTC')"

_REGISTERED_SQL: Final = """
SELECT countIf({in_range}) AS new_registrations, count() AS total_users,
       countIf({in_range} AND user_id IN (
           SELECT user_id FROM {database}.user_facts WHERE kind = 'verified' AND {before} AND {counted}
       )) AS kyc_completed
FROM {registered} WHERE {here}
"""

# The event that made a driver: the registration as one, or the first upgrade, whichever came before. Only
# whoever has one of these in the range can have become one there: few need be looked through.
_MAYBE_DRIVERS: Final = """
SELECT user_id FROM {database}.user_facts
WHERE kind IN ('registered', 'upgraded') AND role = 'DRIVER' AND {before}
  AND event_timestamp >= fromUnixTimestamp64Milli({{registered_from:Int64}}, 'UTC')
"""
_DRIVERS_SQL: Final = """
SELECT count() AS new_drivers,
       countIf(user_id IN (
           SELECT driver_id FROM {database}.route_facts WHERE {before} AND {counted}
       )) AS activated
FROM
(
    SELECT * FROM
    (
        SELECT * FROM {registered_drivers} WHERE role = 'DRIVER' UNION ALL SELECT * FROM {upgraded_drivers}
    )
    ORDER BY user_id, at, number LIMIT 1 BY user_id
)
WHERE {in_range} AND {here}
"""


async def users(store: Reader, question: Question) -> dict[str, Any]:
    """Distinct active users before the end, registrations in the range, rates in per cent."""
    users, people = await asyncio.gather(_active(store, question), _people(store, question))
    answer: dict[str, Any] = {
        "dau": users["dau"],
        "wau": users["wau"],
        "mau": users["mau"],
        "new_registrations": people["new_registrations"],
        "total_users": people["total_users"],
        "kyc_completion_rate": percentage(people["kyc_completed"], people["new_registrations"]),
        "driver_activation_rate": percentage(people["activated"], people["new_drivers"]),
    }
    if question.granularity:
        answer["time_series"] = await active_series(store, question)
    return answer


async def _active(store: Reader, question: Question) -> dict[str, Any]:
    # In one pass over the month: the week and the day before the end are parts of it.
    day_ms, week_ms, month_ms = (question.end_ms - days * DAY_MS for days in (1, 7, 30))
    month, spans = replace(question, start_ms=month_ms), windows((day_ms, week_ms))
    kept = active(month)
    days = await touched(store, kept, month)
    source = all_rows(store.database, kept, days, month, columns=("user_id",), spans=spans)
    # One row a user: in which window they were seen last.
    sql = (
        "SELECT countIf(seen = 0) AS dau, countIf(seen <= 1) AS wau, count() AS mau FROM "
        f"(SELECT min(t.span) AS seen FROM ({source.sql}) AS t "
        f"WHERE {month.here(store.database)} GROUP BY t.user_id)"
    )
    return (await store.select(sql, {**source.params, **month.params()}))[0]


async def _people(store: Reader, question: Question) -> dict[str, Any]:
    before = "event_timestamp < fromUnixTimestamp64Milli({registered_before:Int64}, 'UTC')"
    maybe_drivers = _MAYBE_DRIVERS.format(database=store.database, before=before)
    parts = {
        "database": store.database,
        "registered": first_facts(store.database, "registered"),
        "registered_drivers": first_facts(store.database, "registered", maybe_drivers),
        "upgraded_drivers": first_facts(store.database, "upgraded", maybe_drivers),
        "before": before,
        "counted": counted(store.database),
        "in_range": _IN_RANGE,
        "here": here(question),
    }
    params = {**question.params(), **bounds(question)}
    (registered,), (drivers,) = await asyncio.gather(
        store.select(_REGISTERED_SQL.format(**parts), params),
        store.select(_DRIVERS_SQL.format(**parts), params),
    )
    return {**registered, **drivers}

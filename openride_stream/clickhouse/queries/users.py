"""`GET /v1/metrics/users`."""

import asyncio
from dataclasses import replace
from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.distinct import counted
from openride_stream.clickhouse.preaggregations import ACTIVE_USERS, USER_DAYS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import percentage
from openride_stream.clickhouse.queries.series import active_series
from openride_stream.clickhouse.queries.source import all_states, touched, windows

# One row a user: the registration that counts (earliest, then smallest event_id), whether a verification
# came before the end, and the event that made a driver of them.
_PEOPLE_SQL: Final = """
SELECT
    countIf(registered AND reg_ms >= {{start:Int64}} AND reg_here) AS new_registrations,
    countIf(registered AND reg_here) AS total_users,
    countIf(registered AND reg_ms >= {{start:Int64}} AND reg_here AND verified) AS kyc_completed,
    countIf(driver AND driver_ms >= {{start:Int64}} AND driver_here) AS new_drivers,
    countIf(driver AND driver_ms >= {{start:Int64}} AND driver_here AND has_route) AS activated
FROM
(
    SELECT
        registered, verified, reg.1 AS reg_ms, {reg_here} AS reg_here,
        registered AND reg.3 = 'DRIVER' AS born_driver,
        born_driver OR upgraded AS driver,
        if(born_driver AND (NOT upgraded OR (reg.1, reg.2) <= (up.1, up.2)), reg, up) AS made,
        made.1 AS driver_ms, {made_here} AS driver_here,
        user_id IN (
            SELECT driver_id FROM {database}.route_facts
            WHERE {counted} AND event_timestamp < fromUnixTimestamp64Milli({{end:Int64}}, 'UTC')
        ) AS has_route
    FROM
    (
        SELECT
            user_id,
            countIf(kind = 'registered') > 0 AS registered,
            countIf(kind = 'verified') > 0 AS verified,
            countIf(kind = 'upgraded') > 0 AS upgraded,
            argMinIf(fact, (fact.1, fact.2), kind = 'registered') AS reg,
            argMinIf(fact, (fact.1, fact.2), kind = 'upgraded') AS up
        FROM
        (
            SELECT kind, user_id,
                (toUnixTimestamp64Milli(event_timestamp), UUIDToNum(event_id), toString(role), toString(city),
                 toString(state)) AS fact
            FROM {database}.user_facts
            WHERE {counted} AND event_timestamp < fromUnixTimestamp64Milli({{end:Int64}}, 'UTC')
        )
        GROUP BY user_id
    )
)
"""


async def users(store: ClickHouse, question: Question) -> dict[str, Any]:
    """Distinct active users before the end, registrations in the range, rates in per cent."""
    active, people = await asyncio.gather(_active(store, question), _people(store, question))
    answer: dict[str, Any] = {
        "dau": active["dau"],
        "wau": active["wau"],
        "mau": active["mau"],
        "new_registrations": people["new_registrations"],
        "total_users": people["total_users"],
        "kyc_completion_rate": percentage(people["kyc_completed"], people["new_registrations"]),
        "driver_activation_rate": percentage(people["activated"], people["new_drivers"]),
    }
    if question.granularity:
        answer["time_series"] = await active_series(store, question)
    return answer


async def _active(store: ClickHouse, question: Question) -> dict[str, Any]:
    # In one pass over the month: the week and the day before the end are parts of it.
    day_ms, week_ms, month_ms = (question.end_ms - days * DAY_MS for days in (1, 7, 30))
    month, spans = replace(question, start_ms=month_ms), windows((day_ms, week_ms))
    # A place needs the sets of each place; anywhere, a row a user and day is quicker to read than sets.
    kept, column = (ACTIVE_USERS, "users") if question.placed else (USER_DAYS, "user_id")
    distinct = "uniqExactMerge" if question.placed else "uniqExact"
    days = await touched(store, kept, month)
    source = all_states(store.database, kept, days, month, columns=(column,), spans=spans)
    sql = (
        f"SELECT {distinct}If(t.{column}, t.span = 0) AS dau, {distinct}If(t.{column}, t.span <= 1) AS wau, "
        f"{distinct}(t.{column}) AS mau FROM {month.with_routes(store.database, source.sql)} "
        f"WHERE {month.here()}"
    )
    return (await store.select(sql, {**source.params, **month.params()}))[0]


async def _people(store: ClickHouse, question: Question) -> dict[str, Any]:
    sql = _PEOPLE_SQL.format(
        database=store.database,
        counted=counted(store.database),
        reg_here=_fact_here(question, "reg"),
        made_here=_fact_here(question, "made"),
    )
    params = {**question.params(), "start": question.start_ms, "end": question.end_ms}
    return (await store.select(sql, params))[0]


def _fact_here(question: Question, fact: str) -> str:
    # Registrations and upgrades have no route: without a city of their own they are nowhere.
    terms = []
    if question.city is not None:
        terms.append(f"{fact}.4 = {{city:String}}")
    if question.state is not None:
        terms.append(f"if({fact}.4 != '', {fact}.5, '') = {{state:String}}")
    return " AND ".join(terms) or "1"

"""`GET /v1/metrics/bookings`."""

from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.preaggregations import BOOKINGS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average_money, money, percentage
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import states

# A rate is filtered by the event that enters its denominator: of the bookings created *here*, those that
# were confirmed anywhere. |A and B| = |A| + |B| - |A or B|.
_SQL: Final = """
SELECT
    finalizeAggregation(created_here) AS created,
    finalizeAggregation(confirmed_here) AS confirmed,
    finalizeAggregation(cancelled_here) AS cancelled,
    finalizeAggregation(completed_here) AS completed,
    created + finalizeAggregation(confirmed_any)
        - finalizeAggregation(created_here + confirmed_any) AS converted,
    created + finalizeAggregation(cancelled_any)
        - finalizeAggregation(created_here + cancelled_any) AS undone,
    confirmations, value, seats
FROM
(
    SELECT
        uniqExactMergeStateIf(t.created, here) AS created_here,
        uniqExactMergeStateIf(t.confirmed, here) AS confirmed_here,
        uniqExactMergeStateIf(t.cancelled, here) AS cancelled_here,
        uniqExactMergeStateIf(t.completed, here) AS completed_here,
        uniqExactMergeState(t.confirmed) AS confirmed_any,
        uniqExactMergeState(t.cancelled) AS cancelled_any,
        sumIf(t.confirmations, here AND t.currency = {{currency:String}}) AS confirmations,
        sumIf(t.value, here AND t.currency = {{currency:String}}) AS value,
        sumIf(t.seats, here) AS seats
    FROM (SELECT t.*, {here} AS here FROM {rows}) AS t
)
"""


async def bookings(store: ClickHouse, question: Question) -> dict[str, Any]:
    """Distinct bookings by status, rates in per cent, value in one currency."""
    source = await states(store, BOOKINGS, question)
    sql = _SQL.format(here=question.here(), rows=question.with_routes(store.database, source.sql))
    row = (await store.select(sql, {**source.params, **question.params()}))[0]
    converted = row["converted"] if question.placed else row["confirmed"]
    undone = row["undone"] if question.placed else row["cancelled"]
    answer: dict[str, Any] = {
        "bookings_created": row["created"],
        "bookings_confirmed": row["confirmed"],
        "bookings_cancelled": row["cancelled"],
        "bookings_completed": row["completed"],
        "conversion_rate": percentage(converted, row["created"]),
        "cancellation_rate": percentage(undone, row["created"]),
        "avg_booking_value": average_money(row["value"], row["confirmations"]),
        "total_booking_value": money(row["value"]),
        "seats_booked": row["seats"],
    }
    if question.granularity:
        answer["time_series"] = await distinct_series(store, (BOOKINGS,), "created", question)
    return answer

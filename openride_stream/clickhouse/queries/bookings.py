"""`GET /v1/metrics/bookings`."""

from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.preaggregations import BOOKINGS
from openride_stream.clickhouse.queries.distinct_ids import (
    BOOKINGS_CANCELLED,
    BOOKINGS_COMPLETED,
    BOOKINGS_CONFIRMED,
    BOOKINGS_CREATED,
    in_both,
)
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average_money, money, percentage
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import rows_of

_COLUMNS: Final = ("kind", "booking_id", "currency", "price", "seats")

_SQL: Final = f"""
SELECT {BOOKINGS_CREATED.count("here")} AS created,
       {BOOKINGS_CONFIRMED.count("here")} AS confirmed,
       {BOOKINGS_CANCELLED.count("here")} AS cancelled,
       {BOOKINGS_COMPLETED.count("here")} AS completed,
       {{converted}} AS converted, {{undone}} AS undone,
       countIf(sold AND t.currency = {{{{currency:String}}}}) AS confirmations,
       sumIf(toDecimal128(t.price, 2), sold AND t.currency = {{{{currency:String}}}}) AS value,
       sumIf(toUInt64(t.seats), sold) AS seats
FROM (SELECT t.*, {{here}} AS here, here AND {BOOKINGS_CONFIRMED.meant} AS sold FROM {{rows}}) AS t
"""

# A rate is filtered by the event that enters its denominator: of the bookings created *here*, those that
# were confirmed anywhere.
_CREATED_HERE: Final = f"here AND {BOOKINGS_CREATED.meant}"
_CONVERTED: Final = in_both("t.booking_id", _CREATED_HERE, BOOKINGS_CONFIRMED.meant)
_UNDONE: Final = in_both("t.booking_id", _CREATED_HERE, BOOKINGS_CANCELLED.meant)


async def bookings(store: ClickHouse, question: Question) -> dict[str, Any]:
    """Distinct bookings by status, rates in per cent, value in one currency."""
    source = await rows_of(store, BOOKINGS, _COLUMNS, question)
    sql = _SQL.format(
        converted=_CONVERTED if question.placed else "confirmed",
        undone=_UNDONE if question.placed else "cancelled",
        here=question.here(),
        rows=question.with_routes(store.database, source.sql),
    )
    row = (await store.select(sql, {**source.params, **question.params()}))[0]
    answer: dict[str, Any] = {
        "bookings_created": row["created"],
        "bookings_confirmed": row["confirmed"],
        "bookings_cancelled": row["cancelled"],
        "bookings_completed": row["completed"],
        "conversion_rate": percentage(row["converted"], row["created"]),
        "cancellation_rate": percentage(row["undone"], row["created"]),
        "avg_booking_value": average_money(row["value"], row["confirmations"]),
        "total_booking_value": money(row["value"]),
        "seats_booked": row["seats"],
    }
    if question.granularity:
        answer["time_series"] = await distinct_series(store, BOOKINGS_CREATED, question)
    return answer

"""`GET /v1/metrics/bookings`."""

import asyncio
from typing import Any, Final

from openride_stream.clickhouse.preaggregations import BOOKINGS
from openride_stream.clickhouse.queries.distinct_ids import (
    BOOKING_STAGES,
    BOOKINGS_CANCELLED,
    BOOKINGS_COMPLETED,
    BOOKINGS_CONFIRMED,
    BOOKINGS_CREATED,
)
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average_money, money, percentage
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import rows_of
from openride_stream.clickhouse.reader import Reader

_have: Final = BOOKING_STAGES.have

# A rate is filtered by the event that enters its denominator: of the bookings created *here*, those that
# were confirmed anywhere.
_COUNTS_SQL: Final = f"""
SELECT countIf({_have(BOOKINGS_CREATED)}) AS created,
       countIf({_have(BOOKINGS_CONFIRMED)}) AS confirmed,
       countIf({_have(BOOKINGS_CANCELLED)}) AS cancelled,
       countIf({_have(BOOKINGS_COMPLETED)}) AS completed
       {{rates}}
FROM ({{bookings}})
"""
_RATES: Final = f""",
    countIf({_have(BOOKINGS_CREATED)} AND {_have(BOOKINGS_CONFIRMED, anywhere=True)}) AS converted,
    countIf({_have(BOOKINGS_CREATED)} AND {_have(BOOKINGS_CANCELLED, anywhere=True)}) AS undone
"""

_VALUE_COLUMNS: Final = ("kind", "currency", "price", "seats")
_VALUE_SQL: Final = f"""
SELECT countIf(t.currency = {{{{currency:String}}}}) AS confirmations,
       sumIf(toDecimal128(t.price, 2), t.currency = {{{{currency:String}}}}) AS value,
       sum(toUInt64(t.seats)) AS seats
FROM {{rows}} WHERE {BOOKINGS_CONFIRMED.meant} AND ({{here}})
"""


async def bookings(store: Reader, question: Question) -> dict[str, Any]:
    """Distinct bookings by status, rates in per cent, value in one currency."""
    columns = {*BOOKING_STAGES.columns, *_VALUE_COLUMNS}
    source = await rows_of(store, BOOKINGS, sorted(columns), question)
    rows = f"({source.sql}) AS t"
    params = {**source.params, **question.params()}
    counts_sql = _COUNTS_SQL.format(
        rates=_RATES if question.placed else "",
        bookings=BOOKING_STAGES.by_id(rows, question.here(store.database) if question.placed else ""),
    )
    (counts,), (sold,) = await asyncio.gather(
        store.select(counts_sql, params),
        store.select(_VALUE_SQL.format(rows=rows, here=question.here(store.database)), params),
    )
    converted = counts["converted"] if question.placed else counts["confirmed"]
    undone = counts["undone"] if question.placed else counts["cancelled"]
    answer: dict[str, Any] = {
        "bookings_created": counts["created"],
        "bookings_confirmed": counts["confirmed"],
        "bookings_cancelled": counts["cancelled"],
        "bookings_completed": counts["completed"],
        "conversion_rate": percentage(converted, counts["created"]),
        "cancellation_rate": percentage(undone, counts["created"]),
        "avg_booking_value": average_money(sold["value"], sold["confirmations"]),
        "total_booking_value": money(sold["value"]),
        "seats_booked": sold["seats"],
    }
    if question.granularity:
        answer["time_series"] = await distinct_series(store, BOOKINGS_CREATED, question)
    return answer

"""`GET /v1/metrics/payments`."""

import asyncio
from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.preaggregations import PAYMENTS
from openride_stream.clickhouse.queries.distinct_ids import (
    PAYMENTS_FAILED,
    PAYMENTS_INITIATED,
    PAYMENTS_REFUNDED,
    PAYMENTS_SUCCEEDED,
    in_both,
)
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average, money, percentage, two_places
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import rows_of

_COLUMNS: Final = ("kind", "payment_id", "payment_method", "currency", "amount", "processing_time_ms")

# success_rate: of the payments that succeeded or failed *here*, those that succeeded anywhere.
_ENDED_HERE: Final = f"here AND ({PAYMENTS_SUCCEEDED.meant} OR {PAYMENTS_FAILED.meant})"
ENDED_WELL: Final = in_both("t.payment_id", _ENDED_HERE, PAYMENTS_SUCCEEDED.meant)
"""SQL over rows `t` with `here`; the same as those that succeeded where no place is asked for."""

_SQL: Final = f"""
SELECT {PAYMENTS_INITIATED.count("here")} AS initiated,
       {PAYMENTS_SUCCEEDED.count("here")} AS succeeded,
       {PAYMENTS_FAILED.count("here")} AS failed,
       {PAYMENTS_REFUNDED.count("here")} AS refunded,
       {{ended_well}} AS ended_well,
       sumIf(toDecimal128(t.amount, 2), paid AND t.currency = {{{{currency:String}}}}) AS revenue,
       sumIf(toDecimal128(t.amount, 2), paid_back AND t.currency = {{{{currency:String}}}}) AS refunds,
       sumIf(toUInt64(took_ms), timed) AS processing_sum, countIf(timed) AS processing_count,
       if(processing_count = 0, 0., quantileExactInclusiveIf(0.95)(took_ms, timed)) AS p95_ms
FROM
(
    SELECT t.*, {{here}} AS here, here AND {PAYMENTS_SUCCEEDED.meant} AS paid,
           here AND {PAYMENTS_REFUNDED.meant} AS paid_back,
           paid AND t.processing_time_ms IS NOT NULL AS timed, ifNull(t.processing_time_ms, 0) AS took_ms
    FROM {{rows}}
) AS t
"""

_METHODS_SQL: Final = f"""
SELECT t.payment_method AS payment_method, uniqExact(t.payment_id) AS succeeded,
       sumIf(toDecimal128(t.amount, 2), t.currency = {{{{currency:String}}}}) AS revenue
FROM {{rows}} WHERE {PAYMENTS_SUCCEEDED.meant} AND ({{here}}) GROUP BY payment_method
ORDER BY revenue DESC, payment_method
"""


async def payments(store: ClickHouse, question: Question) -> dict[str, Any]:
    """Distinct payments by outcome, money in one currency, processing times in milliseconds."""
    source = await rows_of(store, PAYMENTS, _COLUMNS, question)
    rows = question.with_routes(store.database, source.sql)
    params = {**source.params, **question.params()}
    ended_well = ENDED_WELL if question.placed else "succeeded"
    sql = _SQL.format(here=question.here(), rows=rows, ended_well=ended_well)
    (row,), methods = await asyncio.gather(
        store.select(sql, params),
        store.select(_METHODS_SQL.format(here=question.here(), rows=rows), params),
    )
    revenue, refunds = Decimal(row["revenue"]), Decimal(row["refunds"])
    answer: dict[str, Any] = {
        "payments_initiated": row["initiated"],
        "payments_success": row["succeeded"],
        "payments_failed": row["failed"],
        "payments_refunded": row["refunded"],
        "success_rate": percentage(row["ended_well"], row["succeeded"] + row["failed"]),
        "avg_processing_time_ms": average(Decimal(row["processing_sum"]), row["processing_count"]),
        "p95_processing_time_ms": two_places(float(row["p95_ms"])),
        "total_revenue": money(revenue),
        "total_refunded": money(refunds),
        "net_revenue": money(revenue - refunds),
        "by_method": [
            {
                "payment_method": method["payment_method"],
                "payments_success": method["succeeded"],
                "total_revenue": money(method["revenue"]),
            }
            for method in methods
        ],
    }
    if question.granularity:
        answer["time_series"] = await distinct_series(store, PAYMENTS_INITIATED, question)
    return answer

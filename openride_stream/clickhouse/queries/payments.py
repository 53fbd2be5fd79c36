"""`GET /v1/metrics/payments`."""

from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.preaggregations import PAYMENTS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average, money, percentage, two_places
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import states

# success_rate: of the payments that succeeded or failed *here*, those that succeeded anywhere.
_SQL: Final = """
SELECT
    finalizeAggregation(initiated_here) AS initiated,
    finalizeAggregation(succeeded_here) AS succeeded,
    finalizeAggregation(failed_here) AS failed,
    finalizeAggregation(refunded_here) AS refunded,
    finalizeAggregation(succeeded_here + failed_here) + finalizeAggregation(succeeded_any)
        - finalizeAggregation(succeeded_here + failed_here + succeeded_any) AS ended_well,
    revenue, refunds, processing_sum, processing_count, if(processing_count = 0, 0., p95) AS p95_ms
FROM
(
    SELECT
        uniqExactMergeStateIf(t.initiated, here) AS initiated_here,
        uniqExactMergeStateIf(t.succeeded, here) AS succeeded_here,
        uniqExactMergeStateIf(t.failed, here) AS failed_here,
        uniqExactMergeStateIf(t.refunded, here) AS refunded_here,
        uniqExactMergeState(t.succeeded) AS succeeded_any,
        sumIf(t.revenue, here AND t.currency = {{currency:String}}) AS revenue,
        sumIf(t.refunds, here AND t.currency = {{currency:String}}) AS refunds,
        sumIf(t.processing_sum_ms, here) AS processing_sum,
        sumIf(t.processing_count, here) AS processing_count,
        quantileExactInclusiveMergeIf(0.95)(t.processing_times, here) AS p95
    FROM (SELECT t.*, {here} AS here FROM {rows}) AS t
)
"""

_METHODS_SQL: Final = """
SELECT t.payment_method AS payment_method, uniqExactMerge(t.succeeded) AS succeeded,
       sumIf(t.revenue, t.currency = {{currency:String}}) AS revenue
FROM {rows} WHERE {here} GROUP BY payment_method HAVING succeeded > 0
ORDER BY revenue DESC, payment_method
"""


async def payments(store: ClickHouse, question: Question) -> dict[str, Any]:
    """Distinct payments by outcome, money in one currency, processing times in milliseconds."""
    source = await states(store, PAYMENTS, question)
    rows = question.with_routes(store.database, source.sql)
    params = {**source.params, **question.params()}
    row = (await store.select(_SQL.format(here=question.here(), rows=rows), params))[0]
    methods = await store.select(_METHODS_SQL.format(here=question.here(), rows=rows), params)
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
        answer["time_series"] = await distinct_series(store, (PAYMENTS,), "initiated", question)
    return answer

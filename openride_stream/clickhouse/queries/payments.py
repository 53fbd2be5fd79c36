"""`GET /v1/metrics/payments`."""

import asyncio
from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.preaggregations import PAYMENTS
from openride_stream.clickhouse.queries.distinct_ids import (
    PAYMENT_STAGES,
    PAYMENTS_FAILED,
    PAYMENTS_INITIATED,
    PAYMENTS_REFUNDED,
    PAYMENTS_SUCCEEDED,
)
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average, money, percentage, two_places
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import rows_of
from openride_stream.clickhouse.reader import Reader

_COLUMNS: Final = ("kind", "payment_id", "payment_method", "currency", "amount", "processing_time_ms")
_have: Final = PAYMENT_STAGES.have

# success_rate: of the payments that succeeded or failed *here*, those that succeeded anywhere.
_COUNTS_SQL: Final = f"""
SELECT countIf({_have(PAYMENTS_INITIATED)}) AS initiated,
       countIf({_have(PAYMENTS_SUCCEEDED)}) AS succeeded,
       countIf({_have(PAYMENTS_FAILED)}) AS failed,
       countIf({_have(PAYMENTS_REFUNDED)}) AS refunded
       {{rate}}
FROM ({{payments}})
"""
_RATE: Final = f""",
    countIf({_have(PAYMENTS_SUCCEEDED, PAYMENTS_FAILED)} AND {_have(PAYMENTS_SUCCEEDED, anywhere=True)})
    AS ended_well
"""

# By method first: one look at the rows says what each took, and all of them together.
_MONEY_SQL: Final = f"""
SELECT sum(by_method.revenue) AS revenue, sum(by_method.refunds) AS refunds, sum(timed_ms) AS processing_sum,
       sum(length(took_ms)) AS processing_count,
       if(processing_count = 0, 0., quantileExactInclusiveArray(0.95)(took_ms)) AS p95_ms,
       groupArrayIf((payment_method, succeeded, by_method.revenue), paid) AS methods
FROM
(
    SELECT t.payment_method AS payment_method, countIf(is_success) > 0 AS paid,
           uniqExactIf(t.payment_id, is_success) AS succeeded,
           sumIf(toDecimal128(t.amount, 2), is_success AND is_ours) AS revenue,
           sumIf(toDecimal128(t.amount, 2), NOT is_success AND is_ours) AS refunds,
           groupArrayIf(ifNull(t.processing_time_ms, 0), is_success AND t.processing_time_ms IS NOT NULL)
           AS took_ms,
           arraySum(took_ms) AS timed_ms
    FROM
    (
        SELECT *, {PAYMENTS_SUCCEEDED.meant} AS is_success, t.currency = {{{{currency:String}}}} AS is_ours
        FROM {{rows}} WHERE ({PAYMENTS_SUCCEEDED.meant} OR {PAYMENTS_REFUNDED.meant}) AND ({{here}})
    ) AS t
    GROUP BY payment_method
) AS by_method
"""


async def payments(store: Reader, question: Question) -> dict[str, Any]:
    """Distinct payments by outcome, money in one currency, processing times in milliseconds."""
    source = await rows_of(store, PAYMENTS, _COLUMNS, question)
    rows = f"({source.sql}) AS t"
    params = {**source.params, **question.params()}
    counts_sql = _COUNTS_SQL.format(
        rate=_RATE if question.placed else "",
        payments=PAYMENT_STAGES.by_id(rows, question.here(store.database) if question.placed else ""),
    )
    (counts,), (paid,) = await asyncio.gather(
        store.select(counts_sql, params),
        store.select(_MONEY_SQL.format(here=question.here(store.database), rows=rows), params),
    )
    ended_well = counts["ended_well"] if question.placed else counts["succeeded"]
    revenue, refunds = Decimal(paid["revenue"]), Decimal(paid["refunds"])
    answer: dict[str, Any] = {
        "payments_initiated": counts["initiated"],
        "payments_success": counts["succeeded"],
        "payments_failed": counts["failed"],
        "payments_refunded": counts["refunded"],
        "success_rate": percentage(ended_well, counts["succeeded"] + counts["failed"]),
        "avg_processing_time_ms": average(Decimal(paid["processing_sum"]), paid["processing_count"]),
        "p95_processing_time_ms": two_places(float(paid["p95_ms"])),
        "total_revenue": money(revenue),
        "total_refunded": money(refunds),
        "net_revenue": money(revenue - refunds),
        "by_method": [
            {"payment_method": method, "payments_success": succeeded, "total_revenue": money(paid_by)}
            for method, succeeded, paid_by in sorted(paid["methods"], key=_most_first)
        ],
    }
    if question.granularity:
        answer["time_series"] = await distinct_series(store, PAYMENTS_INITIATED, question)
    return answer


def _most_first(method: tuple[str, int, str]) -> tuple[Decimal, str]:
    name, _, revenue = method
    return -Decimal(revenue), name

"""The same questions asked of `events_raw`, as whoever finds that view first would ask them."""

import statistics
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from bench.query.asking import Question, ask
from bench.query.questions import last_month
from openride_stream.clickhouse.client import ClickHouse

_TIMES: Final = 3
_TIMEOUT_S: Final = 300.0
_RANGE: Final = (
    "event_timestamp >= parseDateTime64BestEffort({start_date:String}, 3, 'UTC') "
    "AND event_timestamp < parseDateTime64BestEffort({end_date:String}, 3, 'UTC')"
)

_BOOKINGS: Final = f"""
SELECT toDate(event_timestamp) AS day, event_type, uniqExact(event_id) AS events
FROM <events_raw> WHERE event_type LIKE 'booking.%' AND {_RANGE} GROUP BY day, event_type
"""
_PAYMENTS: Final = f"""
SELECT toDate(at) AS day, count() AS payments, sum(amount) AS revenue FROM (
    SELECT event_id, any(event_timestamp) AS at,
        any(toDecimal64OrZero(JSONExtractString(payload, 'amount'), 2)) AS amount
    FROM <events_raw> WHERE event_type = 'payment.success' AND {_RANGE} GROUP BY event_id
) GROUP BY day
"""
_USERS: Final = f"""
SELECT toDate(event_timestamp) AS day, uniqExact(JSONExtractString(payload, 'user_id')) AS active
FROM <events_raw> WHERE event_type LIKE 'user.%' AND {_RANGE} GROUP BY day
"""
_FUNNEL: Final = f"""
SELECT step, count() AS people FROM (
    SELECT if(event_type LIKE 'user.%', JSONExtractString(payload, 'user_id'),
            JSONExtractString(payload, 'rider_id')) AS person,
        windowFunnel(2592000000)(
            toUInt64(toUnixTimestamp64Milli(event_timestamp)), event_type = 'user.registered',
            event_type = 'user.kyc_verified', event_type = 'booking.created', event_type = 'trip.completed'
        ) AS step
    FROM <events_raw>
    WHERE event_type IN ('user.registered', 'user.kyc_verified', 'booking.created', 'trip.completed')
        AND {_RANGE}
    GROUP BY person
) GROUP BY step
"""

NAIVE: Final = {
    "/v1/metrics/bookings": _BOOKINGS,
    "/v1/metrics/payments": _PAYMENTS,
    "/v1/metrics/users": _USERS,
    "/v1/analytics/funnel": _FUNNEL,
}
"""Distinct events by their ids, fields out of their JSON; fewer figures than the endpoint gives."""


def naive(store: ClickHouse, sql: str) -> str:
    """One of `NAIVE`, of the application's database."""
    return sql.replace("<events_raw>", f"{store.database}.events_raw")


async def compared(
    store: ClickHouse, base_url: str, now: datetime, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """How long the endpoint (nothing kept) and the naive query take over a month; medians, ms.

    Raises:
        Fatal: the endpoint does not answer.
    """
    found = []
    for path, sql in NAIVE.items():
        span = last_month(now)
        answers = await ask(base_url, [Question(path, span)] * _TIMES, 1)
        took_ms = [await _took_ms(store, sql, span) for _ in range(_TIMES)]
        endpoint_ms = statistics.median(answer.took_ms for answer in answers)
        naive_ms = statistics.median(took_ms)
        found.append(
            {
                "name": path,
                "endpoint_ms": round(endpoint_ms, 1),
                "naive_ms": round(naive_ms, 1),
                "ratio": round(naive_ms / endpoint_ms, 1),
            }
        )
        tell(f"{path}: {endpoint_ms:,.0f} ms, of events_raw {naive_ms:,.0f} ms")
    return found


async def _took_ms(store: ClickHouse, sql: str, span: dict[str, str]) -> float:
    began_s = time.perf_counter()
    await store.select(naive(store, sql), {**span}, timeout_s=_TIMEOUT_S, bounded=False)
    return (time.perf_counter() - began_s) * 1000

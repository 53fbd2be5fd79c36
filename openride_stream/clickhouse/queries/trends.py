"""`GET /v1/analytics/trends`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from openride_stream.api.choices import TrendMetric
from openride_stream.clickhouse.client import Row
from openride_stream.clickhouse.preaggregations import PAYMENTS, TRIPS, PreAggregation
from openride_stream.clickhouse.queries.distinct_ids import (
    BOOKINGS_CONFIRMED,
    BOOKINGS_CREATED,
    PAYMENTS_FAILED,
    PAYMENTS_SUCCEEDED,
    TRIP_DRIVERS,
    TRIPS_COMPLETED,
    Ids,
)
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.registrations import bounds, registered
from openride_stream.clickhouse.queries.rounding import average, money, percentage
from openride_stream.clickhouse.queries.series import (
    active_series,
    bucket_seconds_sql,
    distinct_series,
    filled,
    rows_by_bucket,
)
from openride_stream.clickhouse.reader import Reader


@dataclass(frozen=True, slots=True)
class _Figure:
    """What is made of all rows of a bucket: SQL over them (`t`), and the value of its columns `shown`.

    `nothing` is the value of a bucket without any.
    """

    source: PreAggregation
    columns: tuple[str, ...]
    sql: str
    shown: str
    value: Callable[[Row], float | str]
    nothing: float | str = 0


_DISTINCT: Final[dict[TrendMetric, Ids]] = {
    "bookings_created": BOOKINGS_CREATED,
    "bookings_confirmed": BOOKINGS_CONFIRMED,
    "trips_completed": TRIPS_COMPLETED,
    "active_drivers": TRIP_DRIVERS,
}

# Of the payments that succeeded or failed *here*, those that succeeded anywhere. Of two sets,
# |A and B| = |A| + |B| - |A or B|.
_ENDED: Final = f"here AND ({PAYMENTS_SUCCEEDED.meant} OR {PAYMENTS_FAILED.meant})"
_ENDED_WELL: Final = (
    f"uniqExactIf(t.payment_id, {_ENDED}) + {PAYMENTS_SUCCEEDED.count()} "
    f"- uniqExactIf(t.payment_id, ({_ENDED}) OR {PAYMENTS_SUCCEEDED.meant})"
)

_FIGURES: Final[dict[TrendMetric, _Figure]] = {
    "revenue": _Figure(
        PAYMENTS,
        ("kind", "currency", "amount"),
        f"sumIf(toDecimal128(t.amount, 2), here AND {PAYMENTS_SUCCEEDED.meant} "
        "AND t.currency = {currency:String}) AS revenue",
        "revenue",
        lambda row: money(row["revenue"]),
        nothing="0.00",
    ),
    "payment_success_rate": _Figure(
        PAYMENTS,
        ("kind", "payment_id"),
        f"{PAYMENTS_SUCCEEDED.count('here')} + {PAYMENTS_FAILED.count('here')} AS ended, "
        f"{_ENDED_WELL} AS ended_well",
        "ended, ended_well",
        lambda row: percentage(row["ended_well"], row["ended"]),
    ),
    "avg_trip_duration": _Figure(
        TRIPS,
        ("kind", "duration_minutes"),
        f"countIf(here AND {TRIPS_COMPLETED.meant}) AS completions, "
        f"sumKahanIf(t.duration_minutes, here AND {TRIPS_COMPLETED.meant}) AS minutes",
        "completions, minutes",
        lambda row: average(row["minutes"] or 0.0, row["completions"]),
    ),
}


async def trends(store: Reader, question: Question, metric: TrendMetric) -> dict[str, Any]:
    """The figure by bucket of the question's granularity, as the metrics endpoints have it for the bucket."""
    if metric in _DISTINCT:
        points = await distinct_series(store, _DISTINCT[metric], question)
    elif metric == "active_users":
        points = await active_series(store, question)
    elif metric == "registrations":
        points = await _registrations(store, question)
    else:
        points = await _figures(store, question, _FIGURES[metric])
    return {"data_points": points}


async def _figures(store: Reader, question: Question, figure: _Figure) -> list[dict[str, object]]:
    bucket, source = await rows_by_bucket(store, (figure.source,), figure.columns, question)
    rows = await store.select(
        f"SELECT bucket, {figure.shown} FROM (SELECT {bucket} AS bucket, {figure.sql} "
        f"FROM (SELECT t.*, {question.here(store.database)} AS here FROM {source.sql}) AS t GROUP BY bucket)",
        source.params,
    )
    values = {row["bucket"]: figure.value(row) for row in rows}
    return filled(question, values, figure.nothing)


async def _registrations(store: Reader, question: Question) -> list[dict[str, object]]:
    assert question.granularity is not None
    span = (
        "toStartOfHour(registered_at, 'UTC')" if question.granularity == "hourly" else "toDate(registered_at)"
    )
    rows = await store.select(
        f"SELECT {bucket_seconds_sql(question.granularity)} AS bucket, count() AS value FROM "
        f"(SELECT {span} AS span FROM {registered(store.database, question)}) AS t GROUP BY bucket",
        {**bounds(question), **question.params()},
    )
    return filled(question, {row["bucket"]: row["value"] for row in rows})

"""What is usual at a time of the day, from the distinct events of earlier days in ClickHouse."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from openride_stream.api.anomalies import SeriesName
from openride_stream.clickhouse.client import ClickHouse, Row
from openride_stream.clickhouse.distinct import distinct_events
from tables.anomalies import LEAST_DAYS, MINUTE_MS, SERIES, Baseline, Numbers, Usual

DAY_MS: Final = 86_400_000
BEHIND_MINUTES: Final = 100
AHEAD_MINUTES: Final = 60
"""A baseline serves from so many minutes before it was asked for to so many after."""
_SATURDAY: Final = 5

_MINUTES: Final = BEHIND_MINUTES + AHEAD_MINUTES


@dataclass(frozen=True, slots=True)
class _Table:
    """Where the events of some series are; `identity` is what is counted."""

    name: str
    identity: str
    types: Mapping[str, SeriesName]


_TABLES: Final = (
    _Table("trip_events", "trip_id", {"trip.started": "trips_started", "trip.completed": "trips_completed"}),
    _Table(
        "booking_events",
        "booking_id",
        {
            "booking.created": "bookings_created",
            "booking.cancelled": "bookings_cancelled",
            "booking.confirmed": "revenue",
        },
    ),
    _Table(
        "payment_events",
        "payment_id",
        {"payment.success": "payments_success", "payment.failed": "payments_failed"},
    ),
)


async def usual(store: ClickHouse, now_ms: int, currency: str, days: int) -> Baseline:
    """The baseline of the time of the day that `now_ms` (since the epoch) is in.

    Args:
        store: ClickHouse.
        now_ms: the clock.
        currency: the one that revenue is in.
        days: how far it looks back.

    Raises:
        StoreUnavailable: it does not answer.
    """
    start_ms = (now_ms // MINUTE_MS - BEHIND_MINUTES) * MINUTE_MS
    alike = [day for day in range(1, days + 1) if _is_weekend(now_ms - day * DAY_MS) == _is_weekend(now_ms)]
    spans = [start_ms - day * DAY_MS for day in alike]
    found = {series: np.zeros((3, len(spans), _MINUTES)) for series in SERIES}
    first_ms = now_ms
    for table in _TABLES:
        for row in await _asked(store, table, spans, currency):
            at_ms = int(row["minute"]) * 1000
            first_ms = min(first_ms, at_ms)
            # Exactly one of the spans has it: they are shorter than a day.
            place = next(place for place, span in enumerate(spans) if 0 <= at_ms - span < DAY_MS)
            series = table.types[row["event_type"]]
            fields = ("total", "squares", "events") if series == "revenue" else ("events",) * 3
            minute = (at_ms - spans[place]) // MINUTE_MS
            found[series][:, place, minute] = [float(row[field]) for field in fields]
    # Before its first event the platform was not there: those days say nothing.
    there = [place for place, span in enumerate(spans) if span + _MINUTES * MINUTE_MS > first_ms]
    enough = len(there) >= LEAST_DAYS
    return Baseline(
        start_ms,
        len(there),
        {series: _usual(numbers[:, there]) for series, numbers in found.items()} if enough else {},
    )


def _usual(numbers: Numbers) -> Usual:
    sums, squares, events = numbers
    return Usual(sums, squares, float(squares.sum() / events.sum()) if events.any() else 1.0)


def _is_weekend(at_ms: int) -> bool:
    return datetime.fromtimestamp(at_ms / 1000, UTC).weekday() >= _SATURDAY


async def _asked(store: ClickHouse, table: _Table, spans: list[int], currency: str) -> list[Row]:
    types = ", ".join(f"'{event_type}'" for event_type in table.types)
    condition = f"event_type IN ({types}) AND ({' OR '.join(map(_within, spans))})"
    events = distinct_events(store.database, table.name, condition)
    minute = "toUnixTimestamp(toStartOfMinute(event_timestamp)) AS minute"
    counted = f"event_type, {minute}, uniqExact({table.identity}) AS events"
    if table.name == "booking_events":
        is_paid = "event_type = 'booking.confirmed' AND currency = {currency:String}"
        price = f"if({is_paid}, toFloat64(total_price), 0)"
        counted += f", sum({price}) AS total, sum(pow({price}, 2)) AS squares"
    sql = f"SELECT {counted} FROM {events} GROUP BY event_type, minute"
    return await store.select(sql, {"currency": currency}, bounded=False)


def _within(start_ms: int) -> str:
    end_ms = start_ms + _MINUTES * MINUTE_MS
    return (
        f"(event_timestamp >= fromUnixTimestamp64Milli({start_ms}, 'UTC') "
        f"AND event_timestamp < fromUnixTimestamp64Milli({end_ms}, 'UTC'))"
    )

"""Live facts from ClickHouse, for what the changelog does not reach back to: it was lost, or is younger.

Facts are sets, so what both hold counts once. The rate of events is left out: a minute brings it back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from openride_stream.clickhouse.client import ClickHouse, Row
from openride_stream.clickhouse.distinct import distinct_events
from tables.refill_placed import refilled_places
from tables.series import (
    BOOKINGS,
    DRIVERS,
    ENDED,
    QUEUED,
    REVENUE,
    RIDERS,
    STARTED,
    Facts,
    Series,
    added,
    code_of,
    hashes,
    joined,
)
from tables.sightings import SLACK_MS, TIERS, WAIT_FIELD

_PARTIES: Final = (
    (RIDERS, "user_events", "user_id"),
    (RIDERS, "booking_events", "rider_id"),
    (RIDERS, "payment_events", "rider_id"),
    (RIDERS, "trip_events", "rider_id"),
    (DRIVERS, "booking_events", "driver_id"),
    (DRIVERS, "trip_events", "driver_id"),
    (DRIVERS, "route_events", "driver_id"),
    (DRIVERS, "location_events", "driver_id"),
)
_NEWEST: Final = "toUnixTimestamp64Milli(max(event_timestamp)) AS at"
# What lies ahead of the clock must not hide what is past.
_AHEAD: Final = "event_timestamp > fromUnixTimestamp64Milli({now:Int64}, 'UTC')"
_MOMENT: Final = "toUnixTimestamp64Milli(event_timestamp) AS at"


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of one table for one series: distinct events after a moment that meet `condition`."""

    series: Series
    table: str
    behind_ms: int
    selected: str
    condition: str = "1"
    grouped: str = ""

    @property
    def newest_alone(self) -> bool:
        """Whether it asks for the newest of each identity: the same event twice is nothing to that."""
        return bool(self.grouped)


def _questions(live_ms: int) -> list[_Question]:
    def newest(series: Series, table: str, column: str, behind_ms: int, condition: str = "1") -> _Question:
        selected = f"{column} AS id, {_NEWEST}"
        return _Question(series, table, behind_ms, selected, condition, f"GROUP BY {column}, {_AHEAD}")

    ended = "event_type IN ('trip.completed', 'trip.cancelled')"
    waited = ", ".join(WAIT_FIELD[tier] for tier in TIERS)
    return [
        *(newest(series, table, column, series.horizon_ms(live_ms)) for series, table, column in _PARTIES),
        newest(BOOKINGS, "booking_events", "booking_id", live_ms, "event_type = 'booking.created'"),
        newest(ENDED, "trip_events", "trip_id", ENDED.horizon_ms(live_ms), ended),
        _Question(
            STARTED,
            "trip_events",
            live_ms,
            f"trip_id AS id, {_NEWEST}, argMax(booking_id, event_timestamp) AS booking",
            "event_type = 'trip.started'",
            f"GROUP BY trip_id, {_AHEAD}",
        ),
        _Question(
            REVENUE,
            "booking_events",
            REVENUE.horizon_ms(live_ms),
            f"event_id AS id, {_MOMENT}, total_price, currency",
            "event_type = 'booking.confirmed'",
        ),
        _Question(
            QUEUED,
            "schedule_analytics",
            QUEUED.horizon_ms(live_ms),
            f"analytics_id AS id, {_MOMENT}, schedule_type, {waited}",
            "NOT is_update",
        ),
    ]


async def refilled(store: ClickHouse, now_ms: int, live_ms: int) -> dict[Series, Facts]:
    """Every fact that ClickHouse knows of and that a window may ask for.

    Args:
        store: ClickHouse.
        now_ms: the clock, since the epoch.
        live_ms: how long open trips and their bookings are remembered.

    Raises:
        StoreUnavailable: it does not answer.
    """
    found: dict[Series, list[Facts]] = {}
    for question in _questions(live_ms):
        rows = await _asked(store, question, now_ms)
        found.setdefault(question.series, []).append(_facts(question.series, rows))
    for placed in await refilled_places(store, now_ms, now_ms - SLACK_MS, live_ms):
        for series, facts in placed.items():
            found.setdefault(series, []).append(facts)
    whole = {series: joined(parts) for series, parts in found.items()}
    return {series: facts for series, facts in whole.items() if len(facts)}


async def _asked(store: ClickHouse, question: _Question, now_ms: int) -> list[Row]:
    condition = f"event_timestamp > fromUnixTimestamp64Milli({{after:Int64}}, 'UTC') AND {question.condition}"
    collapsed = not question.newest_alone
    events = distinct_events(store.database, question.table, condition, collapsed=collapsed)
    sql = f"SELECT {question.selected} FROM {events} {question.grouped}"
    return await store.select(sql, {"after": now_ms - question.behind_ms, "now": now_ms}, bounded=False)


def _facts(series: Series, rows: Sequence[Mapping[str, Any]]) -> Facts:
    columns: dict[str, Any] = {}
    if series is STARTED:
        columns["booking"] = hashes([row["booking"] for row in rows])
    elif series is REVENUE:
        columns["cents"] = [_cents(row["total_price"]) for row in rows]
        columns["currency"] = [code_of(row["currency"]) for row in rows]
    elif series is QUEUED:
        rows = [row for row in rows if row[WAIT_FIELD[row["schedule_type"]]] is not None]
        columns["tier"] = [TIERS.index(row["schedule_type"]) for row in rows]
        columns["waited_ms"] = [row[WAIT_FIELD[row["schedule_type"]]] for row in rows]
    at = np.fromiter((int(row["at"]) for row in rows), np.int64, len(rows))
    return added(series, hashes([row["id"] for row in rows]), at, **columns)


def _cents(amount: str) -> int:
    whole, _, part = amount.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))

"""Live facts of places and minutes from ClickHouse, made of rows by what makes them of events."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse, Row
from openride_stream.clickhouse.distinct import counted, distinct_events
from openride_stream.events.topics import Domain
from tables.parts import RowsPart
from tables.placed import placed_sightings
from tables.series import HOUR_MS, Facts, Series

_AFTER: Final = "event_timestamp > fromUnixTimestamp64Milli({after:Int64}, 'UTC')"
# What lies ahead of the clock must not hide what is past.
_AHEAD: Final = "event_timestamp > fromUnixTimestamp64Milli({now:Int64}, 'UTC')"


@dataclass(frozen=True, slots=True)
class _Events:
    """Distinct events of some types of one table, not older than `behind_ms`."""

    domain: Domain
    table: str
    behind_ms: int
    types: tuple[str, ...]
    columns: str


def _asked(live_ms: int) -> Iterator[_Events]:
    booked = "booking_id, route_id"
    money = "event_id, total_price, currency"
    created = f"{booked}, pickup_lat, pickup_lon"
    yield _Events("booking", "booking_events", live_ms, ("booking.created",), created)
    yield _Events(
        "booking",
        "booking_events",
        HOUR_MS,
        ("booking.confirmed", "booking.cancelled"),
        f"{booked}, {money}",
    )
    yield _Events(
        "payment", "payment_events", HOUR_MS, ("payment.success", "payment.failed"), "payment_id, booking_id"
    )
    yield _Events("trip", "trip_events", live_ms, ("trip.started",), "trip_id, driver_id, route_id")
    yield _Events("trip", "trip_events", HOUR_MS, ("trip.completed",), "trip_id, route_id")


async def refilled_places(
    store: ClickHouse, now_ms: int, past_ms: int, live_ms: int
) -> list[dict[Series, Facts]]:
    """Every fact of places and minutes that ClickHouse knows of and that a window may ask for.

    Args:
        store: ClickHouse.
        now_ms: the clock, since the epoch.
        past_ms: what is past by every worker's clock.
        live_ms: how long open trips and their bookings are remembered.

    Raises:
        StoreUnavailable: it does not answer.
    """
    found = [placed_sightings("location", RowsPart(await _positions(store, now_ms)), now_ms, past_ms)]
    for events in _asked(live_ms):
        types = ", ".join(f"'{event_type}'" for event_type in events.types)
        source = distinct_events(store.database, events.table, f"{_AFTER} AND event_type IN ({types})")
        rows = await store.select(
            f"SELECT event_type, toUnixTimestamp64Milli(event_timestamp) AS at, city, {events.columns} "
            f"FROM {source}",
            {"after": now_ms - events.behind_ms},
            bounded=False,
        )
        found.append(placed_sightings(events.domain, RowsPart([*map(_as_accepted, rows)]), now_ms, past_ms))
    return found


async def _positions(store: ClickHouse, now_ms: int) -> list[Row]:
    """The last position of each driver; the same event twice is nothing to that."""
    rows = await store.select(
        "SELECT driver_id, toUnixTimestamp64Milli(max(event_timestamp)) AS at, "
        "argMax(tuple(lat, lon, speed_kmh, city), event_timestamp) AS last "
        f"FROM {store.database}.location_events WHERE {_AFTER} AND {counted(store.database)} "
        f"GROUP BY driver_id, {_AHEAD}",
        {"after": now_ms - HOUR_MS, "now": now_ms},
        bounded=False,
    )
    return [
        {
            "event_type": "driver.location.updated",
            "event_timestamp": int(row["at"]),
            "driver_id": row["driver_id"],
            **dict(zip(("lat", "lon", "speed_kmh", "city"), row["last"], strict=True)),
        }
        for row in rows
    ]


def _as_accepted(row: Row) -> dict[str, Any]:
    """The row as `accept` gives it."""
    price = {"total_price": f"{Decimal(row['total_price']):.2f}"} if row.get("total_price") else {}
    return {**row, **price, "event_timestamp": int(row["at"])}


async def origins(store: ClickHouse, routes: list[str]) -> list[tuple[str, str]]:
    """Route and city of origin of those of some routes that are known, as their earliest event has it.

    Args:
        store: ClickHouse.
        routes: UUIDs in their usual form; they become part of the statement.

    Raises:
        StoreUnavailable: it does not answer.
    """
    ids = ", ".join(f"'{route}'" for route in routes)
    rows = await store.select(
        "SELECT route_id, argMin(origin_city, (event_timestamp, UUIDToNum(event_id))) AS city "
        f"FROM {store.database}.route_facts WHERE route_id IN ({ids}) AND {counted(store.database)} "
        "GROUP BY route_id"
    )
    return [(row["route_id"], row["city"]) for row in rows]

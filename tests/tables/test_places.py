"""Drivers, cities and minutes from the live state, whoever saw what, in whatever order and however often."""

import random
import struct
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_stream.events.example import example
from tables.by_city import cities
from tables.changes import decoded, encoded, lacks_places
from tables.drivers import positions
from tables.minutes import active, minutes
from tables.placed import lacks_pickups
from tables.placed_behind import MARK
from tables.placed_series import PICKUPS, POSITIONS, ROUTES
from tables.realtime import figures
from tables.series import ALL_SERIES, HOUR_MS
from tables.state import LiveState
from tables.zones import ZonesNow, zones
from tests.exactness.profiles import drawn
from tests.reference.live import LiveReference
from tests.tables.rides import Event, moved, some_hours
from tests.tables.test_realtime import LIVE_HOURS, LIVE_MS, NOW_MS, changelog, of_type, seen

BEHIND_BYTES = 2 + len(MARK)
"""Of a row without places and minutes."""
ROUTE_IDS = [str(uuid.UUID(int=number + 1)) for number in range(12)]
ORIGINS = {route: ("Lagos", "Ikeja", "Abuja")[place % 3] for place, route in enumerate(ROUTE_IDS[:9])}
"""Of three routes nobody knows where they begin."""


def placed_hours(seed: int, count: int = 700) -> list[Event]:
    """Hours of a platform in some cities: half of the events name none, and payments fail at times."""
    rng = random.Random(seed)
    return [_placed(event, rng) for event in some_hours(seed, NOW_MS, count) if "event_id" in event]


def _placed(event: Event, rng: random.Random) -> Event:
    changed: Event = {"city": rng.choice([None, None, "", "Lagos", "Ikeja", "São Paulo"])}
    if "route_id" in event:
        changed["route_id"] = rng.choice(ROUTE_IDS)
    if event["event_type"] == "payment.success":
        changed["payment_id"] = str(uuid.UUID(int=rng.getrandbits(128)))
        if rng.random() < 0.3:
            changed |= {"event_type": "payment.failed", "error_code": "51", "error_message": "Funds"}
    if event["event_type"] == "driver.location.updated":
        changed |= {"lat": round(rng.uniform(-90, 90), 6), "lon": round(rng.uniform(-180, 180), 6)}
    if event["event_type"] == "booking.created":
        near = {"pickup_lat": round(rng.gauss(6.45, 0.05), 6), "pickup_lon": round(rng.gauss(3.4, 0.05), 6)}
        changed |= rng.choice([near, near, {"pickup_lat": 90, "pickup_lon": 180}])
    return event | changed


def known(rows: list[bytes], now_ms: int = NOW_MS) -> LiveState:
    """The state of a worker that has read `rows` and asked where routes begin."""
    state = LiveState(LIVE_MS)
    for row in rows:
        state.add(decoded(row), now_ms)
    learn(state, now_ms)
    return state


def learn(state: LiveState, now_ms: int) -> None:
    state.settle(now_ms)
    asked = state.origins.wanted(state.window(ROUTES, now_ms), 0.0)
    state.origins.learn([(route, ORIGINS[route]) for route in asked if route in ORIGINS])


def by_edges(found: ZonesNow) -> dict[tuple[float, ...], list[int]]:
    assert found.bookings_without_pickup == 0
    assert len({(zone.south, zone.west) for zone in found.zones}) == len(found.zones)
    return {
        (zone.south, zone.west, zone.north, zone.east): [
            zone.active_drivers,
            zone.free_drivers,
            zone.bookings_last_hour,
        ]
        for zone in found.zones
    }


def answers(state: LiveState, now_ms: int, currency: str = "NGN") -> dict[str, Any]:
    return {
        "cities": [asdict(city) for city in cities(state, now_ms, currency)],
        "drivers": positions(state, now_ms, None, 1000),
        "minutes": minutes(state, now_ms, currency, "Lagos"),
        "zones": zones(state, now_ms, "Lagos", None),
        "active": active(state, now_ms),
    }


Asked = tuple[str | None, float]
"""A city, and how high zones are."""


def told_rightly(
    state: LiveState, events: list[Event], now_ms: int, currency: str, asked: Sequence[Asked]
) -> None:
    """Every answer about places is that of a plain loop over the distinct events."""
    told = LiveReference(events, now_ms, currency, LIVE_HOURS, ORIGINS)
    found = {
        city.city: {
            "drivers": city.active_drivers,
            "trips": city.active_trips,
            "bookings": city.bookings_last_hour,
            "revenue": Decimal(city.revenue_last_hour),
            "cancelled": city.cancellations_last_hour,
        }
        for city in cities(state, now_ms, currency)
    }
    expected_cities = told.cities()
    nothing = {"drivers": 0, "trips": 0, "bookings": 0, "revenue": 0, "cancelled": 0}
    for city in found.keys() | expected_cities.keys():
        assert found.get(city, nothing) == expected_cities.get(city, nothing), city
    for city, size_km in asked:
        of_city = minutes(state, now_ms, currency, city)
        for name, expected in told.minutes(city).items():
            assert [getattr(minute, name) for minute in of_city] == expected, (name, city)
        total, listed = positions(state, now_ms, city, 1000)
        drivers = {one.driver_id: (one.lat, one.lon, one.trip_id) for one in listed}
        assert drivers == told.drivers(city)
        assert total == len(listed)
        if currency == "NGN":
            assert by_edges(zones(state, now_ms, city, size_km)) == told.zones(city, size_km)
    windows = [(one.minutes, one.active_users, one.active_drivers) for one in active(state, now_ms)]
    assert windows == told.active()


def test_they_are_those_of_the_distinct_events() -> None:
    events = placed_hours(1)
    state = known(changelog(events, random.Random(1)))
    asked = ((None, 0.5), ("Lagos", 37.0), ("São Paulo", 1000.0), ("Nowhere", 2.0))
    for later_ms in (0, 45_000, 10 * 60_000, 70 * 60_000):
        for currency in ("NGN", "KES"):
            told_rightly(state, events, NOW_MS + later_ms, currency, asked)
    for later_ms in (5 * HOUR_MS, 9 * HOUR_MS):
        answers(state, NOW_MS + later_ms)
    assert set(state.sizes().values()) == {0}, "everything is forgotten in the end"


FIXED_MS = 1_780_000_020_000
"""A full minute."""
_MINUTE_MS = 60_000
_EDGES_MS = (0, *(minutes * _MINUTE_MS for minutes in (1, 5, 15, 59, 60, 6 * 60, 7 * 60, -9)))
_TYPES = (
    *("booking.created", "booking.confirmed", "booking.cancelled", "payment.success", "payment.failed"),
    *("trip.started", "trip.started", "trip.completed", "trip.cancelled", "user.activity"),
    *("driver.location.updated", "driver.location.updated", "driver.location.updated"),
)
_IDS = tuple(str(uuid.UUID(int=number, version=4)) for number in range(1, 4))
_cities = st.sampled_from((None, "", "Lagos", "Ikeja", "São Paulo"))
_currencies = st.sampled_from(("NGN", "KES"))
_lat = st.sampled_from((90, -90, 0, 0.000001, -0.000001, 6.45, 6.450001, 84.9))
_lon = st.sampled_from((180, -180, 0, 179.999999, -0.000001, 3.4, 3.400001))


@st.composite
def at_an_edge(draw: st.DrawFn, number: int, now_ms: int, taken: set[int]) -> Event:
    """An event of a few people and trips, beside the edge of a window and of zones; no two at one moment."""
    at_ms = now_ms - draw(st.sampled_from(_EDGES_MS)) - draw(st.sampled_from((0, 1, -1, 29_999, 30_000)))
    while at_ms in taken:
        at_ms -= 1
    taken.add(at_ms)
    event = moved(example(draw(st.sampled_from(_TYPES))) | {"event_id": str(uuid.UUID(int=number))}, at_ms)
    ride = draw(st.sampled_from(_IDS))  # a trip is of one booking, which is of one route
    given_ids = {
        **dict.fromkeys(("booking_id", "trip_id", "payment_id"), ride),
        "route_id": ROUTE_IDS[_IDS.index(ride) * 4],
        **{name: draw(st.sampled_from(_IDS)) for name in ("user_id", "rider_id", "driver_id")},
        **dict(zip(("lat", "lon"), (draw(_lat), draw(_lon)), strict=True)),
        **dict(zip(("pickup_lat", "pickup_lon"), (draw(_lat), draw(_lon)), strict=True)),
        "total_price": draw(st.sampled_from(("0.00", "10.01", "99999999.99"))),
        "currency": draw(_currencies),
    }
    return (
        event | {name: value for name, value in given_ids.items() if name in event} | {"city": draw(_cities)}
    )


@drawn(30)
@given(st.data())
def test_they_are_right_at_the_edges_of_hours_zones_and_cities(data: st.DataObject) -> None:
    now_ms = FIXED_MS + data.draw(st.sampled_from((0, 1, 30_000, 59_999)))
    taken: set[int] = set()
    events = [data.draw(at_an_edge(number, now_ms, taken)) for number in range(data.draw(st.integers(1, 40)))]
    order = random.Random(data.draw(st.integers(0, 999)))
    state = known(changelog(events, order, now_ms), now_ms)
    asked = ((None, data.draw(st.sampled_from((0.25, 37.0, 1000.0)))), (data.draw(_cities), 5.0))
    for later_ms in (0, 1, 60_000, HOUR_MS - 1):
        told_rightly(state, events, now_ms + later_ms, data.draw(_currencies), asked)
        learn(state, now_ms + later_ms)


def test_all_that_happened_in_cities_is_what_happened() -> None:
    state = known(changelog(placed_hours(7), random.Random(7)))
    whole, parts = figures(state, NOW_MS, "NGN"), cities(state, NOW_MS, "NGN")
    assert sum(city.active_drivers for city in parts) == whole.active_drivers
    assert sum(city.active_trips for city in parts) == whole.active_trips
    assert sum(city.bookings_last_hour for city in parts) == whole.bookings_last_hour
    assert f"{sum(Decimal(city.revenue_last_hour) for city in parts):.2f}" == whole.revenue_last_hour


def test_another_worker_one_that_starts_later_and_a_batch_again_change_nothing() -> None:
    rows = changelog(placed_hours(8), random.Random(8))
    expected = answers(known(rows), NOW_MS)
    assert expected["cities"]
    for order in (rows[::-1], [*rows, *rows[::3]], sorted(rows)):
        assert answers(known(order), NOW_MS) == expected


def test_a_worker_of_the_version_before_reads_what_it_knows_and_so_are_its_rows_read() -> None:
    added = seen(of_type("booking.created", 3))
    row = encoded(added)
    own = {series: facts for series, facts in added.items() if series in ALL_SERIES}
    # It stops where its own series end.
    old = row[: len(encoded(own)) - BEHIND_BYTES]
    assert lacks_places(old)
    assert not lacks_places(row)
    assert set(decoded(old)) == {series for series in added if series in ALL_SERIES}
    assert set(decoded(row)) == set(added)


def test_a_row_with_a_series_that_is_not_known_yet_gives_the_others() -> None:
    ping = moved(of_type("driver.location.updated", 1)[0], NOW_MS)
    added = seen([ping])
    row = encoded(added)
    # The first series behind takes a number that nobody has.
    size = added[POSITIONS].nbytes
    newer = row.replace(struct.pack("<BI", POSITIONS.number, size), struct.pack("<BI", 99, size), 1)
    assert newer != row
    assert set(decoded(row)) - set(decoded(newer)) == {POSITIONS}


@pytest.mark.parametrize("seed", range(3))
def test_of_many_positions_only_those_that_nothing_outdid_are_written(seed: int) -> None:
    rng = random.Random(seed)
    pings = [
        moved(ping, NOW_MS + rng.randrange(-2000, 3000))
        | {"driver_id": rng.choice(ROUTE_IDS), "event_id": str(uuid.UUID(int=place)), "lat": place / 10}
        for place, ping in enumerate(of_type("driver.location.updated", 40) * 20)
    ]
    added = seen(pings)
    assert len(added[POSITIONS]) < len(pings)
    whole, parts = LiveState(LIVE_MS), LiveState(LIVE_MS)
    whole.add(added, NOW_MS)
    for ping in pings:
        parts.add(seen([ping]), NOW_MS)
    for now_ms in (NOW_MS, NOW_MS + 700, NOW_MS + 5000):
        assert positions(whole, now_ms, None, 100) == positions(parts, now_ms, None, 100)


def test_a_row_whose_places_are_cut_off_is_none() -> None:
    row = encoded(seen([moved(of_type("driver.location.updated", 1)[0], NOW_MS)]))
    for torn in (row[:-30], row.replace(struct.pack("<BI", POSITIONS.number, 46), b"\x09\x2d\0\0\0", 1)):
        with pytest.raises(ValueError, match="not a row of live tables"):
            decoded(torn)


def test_a_route_that_is_learned_late_counts_as_well() -> None:
    (booking,) = of_type("booking.created", 1)
    booking = moved(booking, NOW_MS) | {"city": None, "route_id": ROUTE_IDS[0]}
    state = LiveState(LIVE_MS)
    state.add(seen([booking]), NOW_MS)
    assert [city.city for city in cities(state, NOW_MS, "NGN") if city.bookings_last_hour] == [None]
    learn(state, NOW_MS)
    assert [city.city for city in cities(state, NOW_MS, "NGN") if city.bookings_last_hour] == ["Lagos"]


def test_a_route_that_is_not_known_is_asked_for_again_after_a_while_and_not_before() -> None:
    (booking,) = of_type("booking.created", 1)
    state = LiveState(LIVE_MS)
    state.add(seen([moved(booking, NOW_MS)]), NOW_MS)
    state.settle(NOW_MS)
    named = state.window(ROUTES, NOW_MS)
    asked = [state.origins.wanted(named, now_s) for now_s in (0.0, 5.0, 10.0)]
    assert asked == [[booking["route_id"]], [], [booking["route_id"]]]


def test_a_driver_who_is_active_otherwise_is_where_they_were_seen_last() -> None:
    (ping,) = of_type("driver.location.updated", 1)
    (start,) = of_type("trip.started", 1)
    state = LiveState(LIVE_MS)
    state.add(seen([moved(ping, NOW_MS - 20 * 60_000)]), NOW_MS)
    assert positions(state, NOW_MS, None, 10) == (0, [])
    state.add(seen([moved(start | {"driver_id": ping["driver_id"]}, NOW_MS - 1000)]), NOW_MS)
    total, (driver,) = positions(state, NOW_MS, None, 10)
    assert (total, driver.driver_id, driver.trip_id) == (1, ping["driver_id"], start["trip_id"])
    assert driver.last_seen_ms == NOW_MS - 20 * 60_000


def test_a_city_with_an_endless_name_is_none() -> None:
    (booking,) = of_type("booking.created", 1)
    state = LiveState(LIVE_MS)
    for place, city in enumerate(("x" * 65, "x" * 64)):
        identity = str(uuid.UUID(int=place + 1))
        event = booking | {"city": city, "booking_id": identity, "event_id": identity}
        state.add(seen([moved(event, NOW_MS)]), NOW_MS)
    found = {city.city: city.bookings_last_hour for city in cities(state, NOW_MS, "NGN")}
    assert {city: count for city, count in found.items() if count} == {None: 1, "x" * 64: 1}


def test_zones_are_as_large_as_the_bulk_asks_for_whatever_lies_astray() -> None:
    (ping,) = of_type("driver.location.updated", 1)
    state = LiveState(LIVE_MS)
    assert zones(state, NOW_MS, None, None) == ZonesNow(1.0, 0, [], 0)

    def seen_at(places: list[tuple[float, float]]) -> list[Event]:
        return [
            moved(ping, NOW_MS - 1000)
            | {"driver_id": str(uuid.UUID(int=place + 1)), "event_id": str(uuid.UUID(int=place + 1))}
            | {"lat": lat, "lon": lon}
            for place, (lat, lon) in enumerate(places)
        ]

    # Nineteen about Taveuni, on both sides of 180°, and one at null island.
    places = [(-16.8 + place / 200, 180 - place / 200) for place in range(10)]
    places += [(-16.8 + place / 200, -180 + place / 200) for place in range(9)]
    for event in seen_at([*places, (0.0, 0.0)]):
        state.add(seen([event]), NOW_MS)
    found = zones(state, NOW_MS, None, None)
    assert found.size_km == 1.0
    assert sum(zone.active_drivers for zone in found.zones) == 20
    first = zones(state, NOW_MS, None, None, limit=1)
    assert (first.zones, first.total) == (found.zones[:1], len(found.zones))
    (astray,) = [zone for zone in found.zones if abs(zone.west) < 1]
    assert astray.south <= 0 < astray.north
    assert astray.active_drivers == 1


def test_a_booking_that_a_worker_of_the_version_before_took_in_is_told_of_and_asked_for() -> None:
    (booking,) = of_type("booking.created", 1)
    old = seen([moved(booking, NOW_MS)])
    assert not lacks_pickups(old, NOW_MS)
    del old[PICKUPS]
    assert lacks_pickups(old, NOW_MS)
    assert not lacks_pickups(old, NOW_MS + HOUR_MS), "nobody asks for it any more"
    state = LiveState(LIVE_MS)
    state.add(old, NOW_MS)
    assert zones(state, NOW_MS, None, 1.0) == ZonesNow(1.0, 1, [], 0)

"""What ClickHouse gives back to live tables whose changelog is gone."""

from dataclasses import asdict

import orjson

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import SystemClock
from openride_stream.settings import Settings
from tables.by_city import cities
from tables.drivers import positions
from tables.minutes import active, minutes
from tables.placed_series import ROUTES
from tables.realtime import figures
from tables.refill import refilled
from tables.refill_placed import origins
from tables.state import LiveState
from tables.zones import zones
from tests.clickhouse.storing import ingest
from tests.reference.live import LiveReference
from tests.reference.realtime import realtime
from tests.tables.rides import some_hours
from tests.tables.test_places import by_edges, placed_hours
from tests.tables.test_realtime import LIVE_HOURS, LIVE_MS, NOW_MS, as_given, flat, seen, topic_of


async def test_every_figure_but_the_rate_comes_back_and_nothing_counts_twice(
    store: ClickHouse, settings: Settings
) -> None:
    now_ms = SystemClock().now_ms()
    events = some_hours(5, now_ms, 900)
    records: dict[str, list[bytes]] = {}
    for event in (*events, *events[::7]):
        records.setdefault(topic_of(event), []).append(orjson.dumps(event))
    await ingest(store, settings, records)
    state = LiveState(LIVE_MS)
    state.add(await refilled(store, now_ms, LIVE_MS), now_ms)
    for event in events[::3]:  # the changelog holds some of it
        state.add(seen([event]), now_ms)
    for currency in ("NGN", "KES"):
        expected = realtime(events, now_ms, currency, LIVE_HOURS) | {"events_per_second": None}
        answer = asdict(figures(state, now_ms, currency)) | {"events_per_second": None}
        assert flat(answer) == as_given(expected)
    assert await refilled(store, now_ms + 20 * LIVE_MS, LIVE_MS) == {}


async def test_places_and_minutes_come_back_and_where_routes_begin_is_known(
    store: ClickHouse, settings: Settings
) -> None:
    events = placed_hours(6, 900)
    records: dict[str, list[bytes]] = {}
    for event in events:
        records.setdefault(topic_of(event), []).append(orjson.dumps(event))
    await ingest(store, settings, records)
    state = LiveState(LIVE_MS)
    state.add(await refilled(store, NOW_MS, LIVE_MS), NOW_MS)
    state.settle(NOW_MS)
    asked = state.origins.wanted(state.window(ROUTES, NOW_MS), 0.0)
    state.origins.learn(await origins(store, asked))
    begin = {event["route_id"]: "Lagos" for event in events if event["event_type"] == "route.created"}
    told = LiveReference(events, NOW_MS, "NGN", LIVE_HOURS, begin)
    assert {city.city: city.active_trips for city in cities(state, NOW_MS, "NGN")} == {
        city: row["trips"] for city, row in told.cities().items()
    }
    for city in (None, "Lagos"):
        of_city = minutes(state, NOW_MS, "NGN", city)
        for name, expected in told.minutes(city).items():
            assert [getattr(minute, name) for minute in of_city] == expected, (name, city)
        assert by_edges(zones(state, NOW_MS, city, 2.0)) == told.zones(city, 2.0)
        _, listed = positions(state, NOW_MS, city, 1000)
        assert {one.driver_id: (one.lat, one.lon, one.trip_id) for one in listed} == told.drivers(city)
    assert [
        (one.minutes, one.active_users, one.active_drivers) for one in active(state, NOW_MS)
    ] == told.active()

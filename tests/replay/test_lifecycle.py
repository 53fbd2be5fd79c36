from collections import Counter, defaultdict
from itertools import pairwise, takewhile
from typing import Any

import orjson
import pytest

from openride_stream.events.registry import EVENT_SHAPES
from openride_stream.events.topics import BY_NAME, TOPICS
from openride_stream.replay.lifecycle import LiveCity
from openride_stream.replay.routing import key_of
from openride_stream.replay.story import DAY_MS, HOUR_MS, MINUTE_MS, Outgoing, Tariff
from tests.events.batches import decode_values
from tests.replay.passes import END_MS, parcels, small_pass, trips, turned_pass, wheel


@pytest.fixture(scope="module")
def events() -> list[Outgoing]:
    return list(small_pass(600).events())


def of_type(events: list[Outgoing], *names: str) -> list[dict[str, Any]]:
    return [event.body for event in events if event.body["event_type"] in names]


def test_the_same_recipe_gives_the_same_bytes() -> None:
    rough = {"bad": 0.05, "duplicates": 0.05, "conflicts": 0.05, "without_ids": 0.05}
    assert parcels(80, **rough) == parcels(80, **rough)


@pytest.mark.parametrize("change", [{"seed": 2}, {"shift_ms": 1}, {"loop": 1}])
def test_another_seed_shift_or_loop_shares_no_identity(change: dict[str, int]) -> None:
    first = {event.body.get("event_id") for event in small_pass(20).events()} - {None}
    other = {event.body.get("event_id") for event in small_pass(20, **change).events()} - {None}
    assert first.isdisjoint(other)


def test_events_come_in_event_time_order_and_none_after_the_end(events: list[Outgoing]) -> None:
    assert all(one.at_ms <= other.at_ms for one, other in pairwise(events))
    assert events[-1].at_ms < END_MS


def test_every_type_and_tier_occurs(events: list[Outgoing]) -> None:
    assert {event.body["event_type"] for event in events} - {"booking"} == set(EVENT_SHAPES)
    assert {event.topic for event in events} == {topic.name for topic in TOPICS}


def test_locations_are_about_seventy_percent(events: list[Outgoing]) -> None:
    share = len(of_type(events, "driver.location.updated")) / len(events)
    assert 0.6 < share < 0.8


def test_identities_are_unique_and_keys_are_the_contracts(events: list[Outgoing]) -> None:
    ids = Counter(event.body.get("event_id") or event.body["analytics_id"] for event in events)
    assert max(ids.values()) == 1
    assert all(event.key == key_of(event.topic, event.body) for event in events)


def test_every_record_without_a_fault_is_accepted(events: list[Outgoing]) -> None:
    by_topic = defaultdict(list)
    for event in events:
        by_topic[event.topic].append(orjson.dumps(event.body))
    for topic, values in by_topic.items():
        decoded = decode_values(topic, values)
        assert decoded.rejects == []
        assert len(decoded.rows) == len(values)


def test_every_real_trip_is_completed_once_with_its_money(events: list[Outgoing]) -> None:
    completed = of_type(events, "trip.completed")
    earned = sum(
        round(100 * float(body["driver_earnings"])) + round(100 * float(body["platform_commission"]))
        for body in completed
    )
    assert len(completed) == 600
    assert earned == sum(int(trip.total * 100) for trip in trips(600))


def test_an_entity_is_announced_before_it_is_used(events: list[Outgoing]) -> None:
    known: set[str] = set()
    for event in events:
        body = event.body
        match body["event_type"]:
            case "user.registered":
                known.add(body["user_id"])
            case "route.created":
                assert body["driver_id"] in known
                known.add(body["route_id"])
            case "booking.created":
                assert {body["rider_id"], body["route_id"]} <= known
                known.add(body["booking_id"])
            case "booking.confirmed" | "booking.cancelled" | "payment.initiated" | "trip.started":
                assert body["booking_id"] in known


def test_failed_payments_are_retried_and_cancelled_bookings_refunded(events: list[Outgoing]) -> None:
    paid = {body["booking_id"] for body in of_type(events, "payment.success")}
    failed = {body["booking_id"] for body in of_type(events, "payment.failed")}
    assert failed & paid
    for body in of_type(events, "booking.cancelled"):
        assert body["refund_initiated"] == (body["booking_id"] in paid)


def test_locations_that_their_table_no_longer_keeps_are_not_told() -> None:
    late = [
        event.at_ms
        for event in small_pass(60, location_days=0).events()
        if event.body["event_type"] == "driver.location.updated"
    ]
    assert all(at_ms >= END_MS // DAY_MS * DAY_MS for at_ms in late)


def test_the_live_city_is_the_same_wherever_it_is_resumed() -> None:
    city = LiveCity(turned_pass(60), wheel(60))
    until = END_MS + 60 * HOUR_MS
    whole = list(takewhile(lambda event: event.at_ms < until, city.events(END_MS)))
    resume = END_MS + 50 * HOUR_MS
    rest = list(takewhile(lambda event: event.at_ms < until, city.events(END_MS, resume)))
    assert rest == [event for event in whole if event.at_ms >= resume]
    assert all(one.at_ms <= other.at_ms for one, other in pairwise(whole))


def test_live_rides_are_whole_and_on_routes_that_were_announced() -> None:
    past = turned_pass(60)
    before = list(past.events())
    until = END_MS + 24 * HOUR_MS
    live = list(takewhile(lambda e: e.at_ms < until, LiveCity(past, wheel(60)).events(END_MS)))
    created = {body["booking_id"] for body in of_type(live, "booking.created")}
    routes = {body["route_id"] for body in of_type(before + live, "route.created")}
    users = {body["user_id"] for body in of_type(before + live, "user.registered")}
    for body in of_type(live, "booking.completed", "booking.cancelled"):
        assert body["booking_id"] in created
        assert body["route_id"] in routes
        assert {body["rider_id"], body["driver_id"]} <= users
    assert min(event.at_ms for event in live) > END_MS - 4 * HOUR_MS
    assert len({body["trip_id"] for body in of_type(live, "trip.completed")}) > 10


def test_the_live_city_is_as_busy_as_the_days_before_it() -> None:
    past = turned_pass(200)
    days = wheel(200).turn_ms // DAY_MS
    told = takewhile(lambda e: e.at_ms < END_MS + days * DAY_MS, LiveCity(past, wheel(200)).events(END_MS))
    live = of_type(list(told), "trip.completed")
    assert abs(len(live) - 200) < 10
    assert {body["trip_id"] for body in live}.isdisjoint(
        body["trip_id"] for body in of_type(list(past.events()), "trip.completed")
    )


def test_each_tier_of_the_live_city_executes_something_every_minute() -> None:
    live = LiveCity(turned_pass(60), wheel(60)).events(END_MS)
    by_tier = defaultdict(list)
    for event in takewhile(lambda event: event.at_ms < END_MS + HOUR_MS, live):
        if BY_NAME[event.topic].tier:
            by_tier[event.topic].append(event)
    assert len(by_tier) == 3
    for topic, told in by_tier.items():
        pauses_ms = [other.at_ms - one.at_ms for one, other in pairwise(told)]
        assert max(pauses_ms) < MINUTE_MS
        assert 150 < len(told) < 300
        assert len({event.key for event in told}) >= 3
        assert decode_values(topic, [orjson.dumps(event.body) for event in told]).rejects == []
    failed = [event for event in by_tier["openride.schedules.redis"] if "error_message" in event.body]
    assert failed


def test_money_names_its_currency_unless_it_is_the_platforms_own() -> None:
    def named(platform: str) -> Counter[str]:
        events = list(small_pass(60, tariff=Tariff("USD", platform)).events())
        return Counter(body.get("currency", "none") for body in of_type(events, "trip.completed"))

    assert named("NGN").keys() <= {"USD", "EUR"}
    assert named("NGN")["USD"] > 50
    assert named("USD")["none"] > 10

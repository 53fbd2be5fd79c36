"""Routes: a driver opens a pair of zones, may pause, change or cancel it."""

from datetime import UTC, datetime
from typing import Final

from openride_stream.replay.cast import Cast
from openride_stream.replay.ids import Ids
from openride_stream.replay.plan import Route
from openride_stream.replay.story import HOUR_MS, MINUTE_MS, Chapter, Outgoing, Story, Tariff

_DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def route_chapter(ids: Ids, cast: Cast, route: Route, tariff: Tariff) -> Chapter:
    """The story of a route, from its creation."""
    return Chapter(route.created_ms, lambda: _tell(ids, cast, route, tariff))


def _tell(ids: Ids, cast: Cast, route: Route, tariff: Tariff) -> list[Outgoing]:
    story = Story(ids, f"route/{route.route_id}", tariff)
    dice, at_ms = story.dice, route.created_ms
    named: dict[str, object] = {
        "route_id": route.route_id,
        "driver_id": cast.driver_id(route.driver),
        "route_name": route.name,
    }
    story.add("route.created", at_ms, route.route_id, None, {**named, **_terms(story, route)})
    if dice.random() < 0.25:
        activated_ms = at_ms + dice.randrange(1 * MINUTE_MS, 5 * MINUTE_MS)
        story.add("route.activated", activated_ms, route.route_id, route.first.pickup, dict(named))
    if dice.random() < 0.35:
        fields = {**named, "updated_fields": dice.sample(("base_price", "departure_time", "active_days"), 2)}
        updated_ms = at_ms + dice.randrange(HOUR_MS, 6 * HOUR_MS)
        story.add("route.updated", updated_ms, route.route_id, route.first.pickup, fields)
    if route.cancelled_ms is not None:
        fields = {**named, "cancellation_reason": "no longer served", "active_bookings_count": 0}
        story.add("route.cancelled", route.cancelled_ms, route.route_id, route.first.pickup, fields)
    return story.told()


def _terms(story: Story, route: Route) -> dict[str, object]:
    origin, destination = route.first.pickup, route.first.dropoff
    days = sorted(story.dice.sample(range(7), story.dice.randint(3, 7)))
    departure = datetime.fromtimestamp(route.first.pickup_ms / 1000, UTC)
    return {
        "origin_city": origin.city,
        "destination_city": destination.city,
        "origin_state": origin.state,
        "destination_state": destination.state,
        "stops_count": story.dice.randint(2, 6),
        "seats_total": route.seats,
        "base_price": str(route.first.fare),
        "departure_time": departure.strftime("%H:%M:%S"),
        "active_days": [_DAYS[day] for day in days],
        **story.money(),
    }

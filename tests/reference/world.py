"""The distinct accepted events, and what they say together: users, routes, places."""

import hashlib
import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.reference.moments import event_ms

Place = tuple[str | None, str | None]
NOWHERE: Place = (None, None)
NIL = "00000000-0000-0000-0000-000000000000"
# Whom events of a domain name, by the contract's table of fields. What a producer adds to these says nothing.
PEOPLE = {
    "user": ("user_id",),
    "booking": ("rider_id", "driver_id"),
    "payment": ("rider_id",),
    "trip": ("driver_id", "rider_id"),
    "route": ("driver_id",),
    "driver": ("driver_id",),
}
ON_A_ROUTE = ("booking", "trip", "route")


@dataclass(frozen=True, slots=True)
class Event:
    event_id: str
    ms: int
    type: str
    body: dict[str, Any]

    def of(self, name: str) -> str:
        """An id, in the case that makes equal ids equal."""
        return str(self.body[name]).lower()

    def amount(self, name: str) -> Decimal:
        return Decimal(str(self.body[name]))

    @property
    def domain(self) -> str:
        return self.type.split(".", maxsplit=1)[0]

    def users(self) -> list[str]:
        return [self.of(name) for name in PEOPLE[self.domain] if name in self.body]


class Pile:
    """Accepted records in any order; of one identity the value with the smallest SHA-256 counts."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self._anonymous = 0

    def add(self, value: bytes) -> None:
        """An accepted event's record value. Without an event_id it is an event of its own."""
        # Fractions stay text, so that no digit of an amount is lost.
        body = json.loads(value, parse_float=str)
        stated = body.get("event_id")
        if not stated:
            self._anonymous += 1
        identity = stated.lower() if stated else f"anonymous {self._anonymous}"
        digest = hashlib.sha256(value).digest()
        kept = self._kept.get(identity)
        if kept is None or digest < kept[0]:
            self._kept[identity] = digest, body

    def events(self) -> list[Event]:
        """The distinct events by (event_timestamp, event_id)."""
        events = [
            Event(identity, event_ms(body["event_timestamp"]), body["event_type"], body)
            for identity, (_, body) in self._kept.items()
        ]
        return sorted(events, key=lambda event: (event.ms, event.event_id))


@dataclass(slots=True)
class World:
    """What the distinct events amount to. Every list is by (event_timestamp, event_id)."""

    events: list[Event]
    registrations: dict[str, Event] = field(default_factory=dict)
    upgrades: dict[str, Event] = field(default_factory=dict)
    verified_ms: dict[str, int] = field(default_factory=dict)
    first_route_ms: dict[str, int] = field(default_factory=dict)
    route_origin: dict[str, Place] = field(default_factory=dict)
    routes: dict[str, Event] = field(default_factory=dict)
    booking_route: dict[str, str] = field(default_factory=dict)
    by_type: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        # In event order, so the first entry of a key is the earliest event's.
        for event in self.events:
            self.by_type[event.type].append(event)
            self._learn(event)

    def _learn(self, event: Event) -> None:
        body = event.body
        match event.type:
            case "user.registered":
                self.registrations.setdefault(event.of("user_id"), event)
            case "user.upgraded_to_driver" if (body.get("new_role") or "DRIVER") == "DRIVER":
                self.upgrades.setdefault(event.of("user_id"), event)
            case "user.kyc_verified" if body["kyc_status"] == "VERIFIED":
                self.verified_ms.setdefault(event.of("user_id"), event.ms)
            case "route.created":
                self.first_route_ms.setdefault(event.of("driver_id"), event.ms)
                if event.of("route_id") == NIL:  # it names no route, so nothing is placed by it
                    return
                self.routes.setdefault(event.of("route_id"), event)
                origin = body["origin_city"] or None, body["origin_state"] or None
                self.route_origin.setdefault(event.of("route_id"), origin)
            case name if name.startswith("booking."):
                self.booking_route.setdefault(event.of("booking_id"), event.of("route_id"))

    def place(self, event: Event) -> Place:
        """Its own city and state when it carries a city, else its route's origin, else none."""
        body = event.body
        if body.get("city"):
            return body["city"], body.get("state") or None
        if event.domain in ON_A_ROUTE and "route_id" in body:
            return self.route_origin.get(event.of("route_id"), NOWHERE)
        if event.domain == "payment":
            route_id = self.booking_route.get(event.of("booking_id"), "")
            return self.route_origin.get(route_id, NOWHERE)
        return NOWHERE

    def became_drivers(self) -> dict[str, Event]:
        """The event by which each driver became one: the registration as one or the first upgrade."""
        became = {user: event for user, event in self.registrations.items() if event.body["role"] == "DRIVER"}
        for user, event in self.upgrades.items():
            earlier = became.get(user)
            if earlier is None or (event.ms, event.event_id) < (earlier.ms, earlier.event_id):
                became[user] = event
        return became

    def between(self, start_ms: int, end_ms: int, *types: str) -> Iterator[Event]:
        """Events in `[start_ms, end_ms)`, of some types or of all."""
        for events in [self.by_type[name] for name in types] if types else [self.events]:
            low = bisect_left(events, start_ms, key=lambda event: event.ms)
            high = bisect_left(events, end_ms, key=lambda event: event.ms)
            yield from events[low:high]

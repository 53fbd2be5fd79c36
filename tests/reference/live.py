"""What `GET /v1/realtime/…` has to say, by plain loops over the events as they were sent."""

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from typing import Any

from tests.reference.moments import event_ms
from tests.reference.realtime import HOUR_MS

Event = dict[str, Any]
_MINUTE_MS = 60_000


class LiveReference:
    """Distinct events seen at `now_ms`; `origins` says in which city a route begins."""

    def __init__(
        self, sent: Iterable[Event], now_ms: int, currency: str, live_hours: int, origins: dict[str, str]
    ) -> None:
        distinct = {event["event_id"]: event for event in sent if "event_id" in event}
        timed = ((event_ms(event["event_timestamp"]), event) for event in distinct.values())
        self._events = sorted(timed, key=itemgetter(0))
        self._newest: dict[tuple[int, str, str], dict[str, Event]] = {}
        self._now_ms, self._currency, self._live_ms = now_ms, currency, live_hours * HOUR_MS
        self._origins = origins

    def within(self, window_ms: int, *types: str) -> list[Event]:
        """Events of some types (all when none are named) in the window that ends now."""
        return [
            event
            for at_ms, event in self._events
            if self._now_ms - window_ms < at_ms <= self._now_ms
            and (not types or event["event_type"] in types)
        ]

    def newest(self, window_ms: int, event_type: str, name: str) -> dict[str, Event]:
        """The newest event of each identity."""
        asked = window_ms, event_type, name
        if asked not in self._newest:
            self._newest[asked] = {event[name]: event for event in self.within(window_ms, event_type)}
        return self._newest[asked]

    def place(self, event: Event) -> str | None:
        """Its own city, else where its route begins; a payment's route is that of its booking."""
        route = event.get("route_id")
        if event["event_type"].startswith("payment."):
            booked = self.newest(self._live_ms, "booking.created", "booking_id")
            route = booked.get(event["booking_id"], {}).get("route_id")
        return event.get("city") or self._origins.get(route or "")

    def active_trips(self) -> list[Event]:
        """The starts of trips that have not ended."""
        ended = self.within(self._live_ms + HOUR_MS, "trip.completed", "trip.cancelled")
        gone = {event["trip_id"] for event in ended}
        started = self.newest(self._live_ms, "trip.started", "trip_id").values()
        return [event for event in started if event["trip_id"] not in gone]

    def driver_places(self) -> dict[str, str | None]:
        """Active drivers and where each is."""
        trips = {event["driver_id"]: event for event in self._in_order(self.active_trips())}
        pings = self.newest(HOUR_MS, "driver.location.updated", "driver_id")
        active = {event["driver_id"] for event in self.within(300_000) if "driver_id" in event}
        return {
            driver: pings.get(driver, {}).get("city")
            or (self.place(trips[driver]) if driver in trips else None)
            for driver in active
        }

    def drivers(self, city: str | None) -> dict[str, tuple[float, float, str | None]]:
        """Latitude, longitude and trip of the active drivers who told them."""
        trips = {event["driver_id"]: event["trip_id"] for event in self._in_order(self.active_trips())}
        pings = self.newest(HOUR_MS, "driver.location.updated", "driver_id")
        return {
            driver: (pings[driver]["lat"], pings[driver]["lon"], trips.get(driver))
            for driver, place in self.driver_places().items()
            if driver in pings and city in (None, place)
        }

    def cities(self) -> dict[str | None, dict[str, Any]]:
        """The counts of each city, those of waits left out."""
        found: dict[str | None, dict[str, Any]] = {}

        def add(place: str | None, name: str, amount: Any) -> None:
            row = found.setdefault(
                place, {"drivers": 0, "trips": 0, "bookings": 0, "revenue": Decimal(0), "cancelled": 0}
            )
            row[name] += amount

        for place in self.driver_places().values():
            add(place, "drivers", 1)
        for event in self.active_trips():
            add(self.place(event), "trips", 1)
        for event in self.newest(HOUR_MS, "booking.created", "booking_id").values():
            add(self.place(event), "bookings", 1)
        for event in self.newest(HOUR_MS, "booking.cancelled", "booking_id").values():
            add(self.place(event), "cancelled", 1)
        for event in self.within(HOUR_MS, "booking.confirmed"):
            if event.get("currency", "NGN") == self._currency:
                add(self.place(event), "revenue", Decimal(event["total_price"]))
        return found

    def zones(self, city: str | None, size_km: float) -> dict[tuple[float, ...], list[int]]:
        """Drivers, those that are free and bookings by edges (south, west, north, east) of a zone."""
        found: dict[tuple[float, ...], list[int]] = {}

        def add(lat: float, lon: float, *names: int) -> None:
            row = found.setdefault(_zone(lat, lon, size_km), [0, 0, 0])
            for place in names:
                row[place] += 1

        for lat, lon, trip in self.drivers(city).values():
            add(lat, lon, 0, *([] if trip else [1]))
        for event in self.newest(HOUR_MS, "booking.created", "booking_id").values():
            if city in (None, self.place(event)):
                add(event["pickup_lat"], event["pickup_lon"], 2)
        return found

    def minutes(self, city: str | None) -> dict[str, list[Any]]:
        """Of each series sixty figures, that of the minute under way last."""
        first_ms = (self._now_ms // _MINUTE_MS - 59) * _MINUTE_MS
        of = {
            "trips_started": ("trip.started", "trip_id"),
            "trips_completed": ("trip.completed", "trip_id"),
            "bookings_created": ("booking.created", "booking_id"),
            "bookings_cancelled": ("booking.cancelled", "booking_id"),
            "payments_success": ("payment.success", "payment_id"),
            "payments_failed": ("payment.failed", "payment_id"),
        }
        found: dict[str, list[Any]] = {name: [0] * 60 for name in of}
        revenue = [Decimal(0)] * 60

        def minute(event: Event) -> int | None:
            since_ms = event_ms(event["event_timestamp"]) - first_ms
            return since_ms // _MINUTE_MS if since_ms >= 0 and city in (None, self.place(event)) else None

        for name, (event_type, identity) in of.items():
            for event in self.newest(HOUR_MS, event_type, identity).values():
                if (number := minute(event)) is not None:
                    found[name][number] += 1
        for event in self.within(HOUR_MS, "booking.confirmed"):
            if event.get("currency", "NGN") == self._currency and (number := minute(event)) is not None:
                revenue[number] += Decimal(event["total_price"])
        return {**found, "revenue": [f"{amount:.2f}" for amount in revenue]}

    def active(self) -> list[tuple[int, int, int]]:
        """Minutes, users and drivers of each window."""
        found = []
        for minutes in (1, 5, 15, 60):
            events = self.within(minutes * _MINUTE_MS)
            drivers = {event["driver_id"] for event in events if "driver_id" in event}
            users = {event[role] for event in events for role in ("user_id", "rider_id") if role in event}
            found.append((minutes, len(users | drivers), len(drivers)))
        return found

    def _in_order(self, started: list[Event]) -> list[Event]:
        return sorted(started, key=lambda event: event_ms(event["event_timestamp"]))


def _zone(lat: float, lon: float, size_km: float) -> tuple[float, ...]:
    """The edges of the zone that holds a position: a band around the earth, and which of its cells."""
    bands = max(1, round(180 * 111.195 / size_km))
    band = min(bands - 1, math.floor(Fraction(str(lat)) * bands / 180 + Fraction(bands, 2)))
    middle = math.radians(180 * (band + 0.5) / bands - 90)
    around = max(1, round(2 * bands * math.cos(middle)))
    column = math.floor((Fraction(str(lon)) + 180) * around / 360) % around
    edges = (
        Fraction(180 * band, bands) - 90,
        Fraction(360 * column, around) - 180,
        Fraction(180 * (band + 1), bands) - 90,
        Fraction(360 * (column + 1), around) - 180,
    )
    return tuple(round(float(edge), 6) for edge in edges)

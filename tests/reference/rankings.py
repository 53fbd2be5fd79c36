"""Figures of each driver, each route and each place, computed from the distinct accepted events."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.reference.arithmetic import half_up, mean, money, quantile
from tests.reference.moments import DAY_MS
from tests.reference.world import NIL, Event, Place, World

SHARES = (10, 25, 50, 75, 90, 99)
Paid = Callable[[Event], bool]
"""Whether an event is of the currency that is asked for."""


def drivers(completions: Iterable[Event], paid: Paid, limit: int, sort: str) -> dict[str, Any]:
    """Drivers of completed trips, most first, then by id; the distribution is of all of them."""
    by_driver: dict[str, list[Event]] = defaultdict(list)
    for event in completions:
        by_driver[event.of("driver_id")].append(event)
    trips = {driver: len({event.of("trip_id") for event in own}) for driver, own in by_driver.items()}
    earned = {driver: amounts(own, paid, "driver_earnings") for driver, own in by_driver.items()}
    totals = {driver: sum(own, Decimal(0)) for driver, own in earned.items()}
    key = totals if sort == "earnings" else trips
    first = sorted(by_driver, key=lambda driver: (-key[driver], driver))[:limit]
    return {
        "drivers": [
            {
                "driver_id": driver,
                "total_trips": trips[driver],
                "total_earnings": money(totals[driver]),
                "avg_earnings_per_trip": money(mean(earned[driver])),
                "total_distance_km": float(
                    half_up(sum((event.amount("distance_km") for event in by_driver[driver]), Decimal(0)))
                ),
                "active_days": len({event.ms // DAY_MS for event in by_driver[driver]}),
            }
            for driver in first
        ],
        "distribution": {
            **{f"p{share}": money(quantile(totals.values(), Fraction(share, 100))) for share in SHARES},
            "mean": money(mean(totals.values())),
        },
    }


def routes(
    confirmed: Iterable[Event], started: Iterable[Event], paid: Paid, world: World, limit: int
) -> dict[str, Any]:
    """Routes with confirmed bookings, most first, then by id."""
    booked: dict[str, list[Event]] = defaultdict(list)
    trips: dict[str, set[str]] = defaultdict(set)
    for event in confirmed:
        if event.of("route_id") != NIL:
            booked[event.of("route_id")].append(event)
    for event in started:
        trips[event.of("route_id")].add(event.of("trip_id"))
    counts = {route: len({event.of("booking_id") for event in own}) for route, own in booked.items()}
    first = sorted(booked, key=lambda route: (-counts[route], route))[:limit]
    return {
        "routes": [
            {
                "route_id": route,
                **described(world.routes.get(route)),
                "total_bookings": counts[route],
                "total_revenue": money(sum(amounts(booked[route], paid, "total_price"), Decimal(0))),
                **occupancy(world.routes.get(route), booked[route], len(trips[route])),
            }
            for route in first
        ]
    }


def described(created: Event | None) -> dict[str, Any]:
    names = ("route_name", "origin_city", "destination_city")
    if created is None:
        return dict.fromkeys((*names, "driver_id"))
    return {name: created.body[name] for name in names} | {"driver_id": created.of("driver_id")}


def occupancy(created: Event | None, booked: list[Event], trips: int) -> dict[str, Any]:
    if created is None:
        return {"seats_total": None, "avg_occupancy": None}
    seats = int(created.amount("seats_total"))
    taken = sum((event.amount("seats_booked") for event in booked), Decimal(0))
    return {
        "seats_total": seats,
        "avg_occupancy": float(half_up(Fraction(taken) / (seats * trips))) if trips else None,
    }


def by_place(events: Iterable[Event], world: World, what: Callable[[Event], Iterable[str]]) -> dict[str, Any]:
    """Distinct things of events by their place, the largest number first."""
    found: dict[Place, set[str]] = defaultdict(set)
    for event in events:
        found[world.place(event)].update(what(event))
    return points({place: len(things) for place, things in found.items()}, int)


def revenue_by_place(events: Iterable[Event], world: World) -> dict[str, Any]:
    found: dict[Place, Decimal] = defaultdict(Decimal)
    for event in events:
        found[world.place(event)] += event.amount("amount")
    return points(found, money)


def points(found: dict[Place, Any], shown: Callable[[Any], Any]) -> dict[str, Any]:
    def order(place: Place) -> Any:
        city, state = place
        return -found[place], state is None, state, city is None, city

    return {
        "data_points": [
            {"state": place[1], "city": place[0], "value": shown(found[place])}
            for place in sorted(found, key=order)
        ]
    }


def amounts(events: Iterable[Event], paid: Paid, name: str) -> list[Decimal]:
    return [event.amount(name) for event in events if paid(event)]

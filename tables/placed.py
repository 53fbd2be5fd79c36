"""From the accepted events of a batch to the facts of places and minutes. Pure; whole columns at once."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.topics import Domain
from tables.part import Part
from tables.placed_series import (
    BOOKED,
    CANCELLED,
    CITIES,
    COMPLETED,
    CONFIRMED,
    DEGREE,
    NO_CITY,
    NO_SPEED,
    PAID,
    PICKUPS,
    POSITIONS,
    TRIPS,
    UNPAID,
    code_of_city,
    codes_of_cities,
)
from tables.series import Facts, Series, added, made, mixed_halves

_SECOND_MS: Final = 1_000
_MANY: Final = 600
"""Positions of a batch, for it to be cheaper to leave some out than to write them all."""


def placed_sightings(domain: Domain, part: Part, now_ms: int, past_ms: int) -> dict[Series, Facts]:
    """The facts of places and minutes of some events of one domain, and what their numbers stand for.

    Args:
        domain: what the events are of.
        part: the events.
        now_ms: the clock, since the epoch.
        past_ms: what is past by every worker's clock. What a number stands for is known from then on, also
            where the event itself lies ahead.
    """
    found: dict[Series, Facts] = {}
    named: set[str | None] = set()
    for event_type, series, of in _OF_TYPES.get(domain, ()):
        chosen = part.of_type(event_type)
        if series is POSITIONS and len(chosen.at) >= _MANY:
            chosen = _without_outdone(chosen, now_ms)
        if len(chosen.at):
            cities = chosen.cities()
            named.update(cities)
            found[series] = of(series, chosen, codes_of_cities(cities))
            if series is BOOKED:
                found[PICKUPS] = _pickup(chosen)
    if found:
        seen_ms = min(max(int(seen["at"].max()) for seen in found.values()), past_ms)
        if len(names := _names(named, seen_ms)):
            found[CITIES] = names
    return found


def without_names_of_nothing(found: dict[Series, Facts]) -> dict[Series, Facts]:
    """The same without the names of cities, where nothing is left that they are needed for."""
    if CITIES in found and not any("city" in (seen.dtype.names or ()) for seen in found.values()):
        del found[CITIES]
    return found


def _without_outdone(part: Part, now_ms: int) -> Part:
    """Positions but those of a driver of whom a later one of the same second is there, and has come.

    Who reads by a clock that is a little behind misses the driver's position for less than a second.
    """
    seconds = (part.at // _SECOND_MS).astype(np.uint64)
    keys = part.ids("driver_id") ^ mixed_halves(seconds, seconds)
    # What lies ahead of the clock outdoes nothing yet, and is outdone by nothing.
    ahead = part.at > now_ms
    keys[ahead] = np.flatnonzero(ahead)
    order = np.argsort(keys)
    keys = keys[order]
    differs = keys[1:] != keys[:-1]
    if differs.all():
        return part
    starts = np.flatnonzero(np.append(True, differs))
    at = part.at[order]
    last = at == np.repeat(np.maximum.reduceat(at, starts), np.diff(np.append(starts, len(at))))
    kept = np.zeros(len(at), bool)
    kept[order[last]] = True
    return part.taken(kept)


def _names(cities: set[str | None], seen_ms: int) -> Facts:
    names = {code_of_city(name): name.encode() for name in cities if name and code_of_city(name) != NO_CITY}
    ids = np.fromiter(names, np.uint64, len(names))
    return made(CITIES, ids, np.full(len(ids), seen_ms), name=[*names.values()])


Codes = npt.NDArray[np.uint32]


def lacks_pickups(added: Mapping[Series, Facts], now_ms: int) -> bool:
    """Whether the facts of a batch are of a worker of the version before, which wrote no pickups."""
    if PICKUPS in added or BOOKED not in added:
        return False
    return bool((added[BOOKED]["at"] > now_ms - PICKUPS.horizon_ms(0)).any())


def _pickup(part: Part) -> Facts:
    places = {name: np.rint(part.numbers(f"pickup_{name}") * DEGREE) for name in ("lat", "lon")}
    return added(PICKUPS, part.ids("booking_id"), part.at, **places)


def _position(series: Series, part: Part, codes: Codes) -> Facts:
    halves = part.halves("driver_id")
    return added(
        series,
        part.ids("driver_id"),
        part.at,
        high=halves[:, 0],
        low=halves[:, 1],
        lat=np.rint(part.numbers("lat") * DEGREE),
        lon=np.rint(part.numbers("lon") * DEGREE),
        speed=np.fmin(np.rint(part.numbers("speed_kmh") * 10), NO_SPEED),
        city=codes,
    )


def _started(series: Series, part: Part, codes: Codes) -> Facts:
    halves = part.halves("trip_id")
    columns = {"high": halves[:, 0], "low": halves[:, 1], "driver": part.ids("driver_id")}
    return added(series, part.ids("trip_id"), part.at, **columns, city=codes, **_route(part))


def _confirmed(series: Series, part: Part, codes: Codes) -> Facts:
    amount = {"cents": part.cents("total_price"), "currency": part.currencies()}
    return added(series, part.ids("event_id"), part.at, **amount, city=codes, **_route(part))


def _payment(series: Series, part: Part, codes: Codes) -> Facts:
    return added(series, part.ids("payment_id"), part.at, city=codes, booking=part.ids("booking_id"))


def _on_route(field: str) -> "_Maker":
    def facts(series: Series, part: Part, codes: Codes) -> Facts:
        return added(series, part.ids(field), part.at, city=codes, **_route(part))

    return facts


def _route(part: Part) -> dict[str, Any]:
    halves = part.halves("route_id")
    return {"route_high": halves[:, 0], "route_low": halves[:, 1]}


_Maker = Callable[[Series, Part, Codes], Facts]
_OF_TYPES: Final[Mapping[Domain, tuple[tuple[str, Series, _Maker], ...]]] = {
    "location": (("driver.location.updated", POSITIONS, _position),),
    "booking": (
        ("booking.created", BOOKED, _on_route("booking_id")),
        ("booking.confirmed", CONFIRMED, _confirmed),
        ("booking.cancelled", CANCELLED, _on_route("booking_id")),
    ),
    "payment": (("payment.success", PAID, _payment), ("payment.failed", UNPAID, _payment)),
    "trip": (
        ("trip.started", TRIPS, _started),
        ("trip.completed", COMPLETED, _on_route("trip_id")),
    ),
}

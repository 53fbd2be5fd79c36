"""From the accepted events of a batch to the facts of places and minutes. Pure; whole columns at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.topics import Domain
from tables.parts import Part
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
    POSITIONS,
    ROUTES,
    TRIPS,
    UNPAID,
    code_of_city,
    codes_of_cities,
)
from tables.series import Facts, Series, made, mixed

_FASTEST: Final = NO_SPEED - 1


def placed_sightings(domain: Domain, part: Part, past_ms: int) -> dict[Series, Facts]:
    """The facts of places and minutes of some events of one domain, and what their numbers stand for.

    `past_ms` (since the epoch) is past by every worker's clock: what a number stands for is known from then
    on, also where the event itself lies ahead.
    """
    found: dict[Series, Facts] = {}
    for event_type, series, of in _OF_TYPES.get(domain, ()):
        chosen = part.of_type(event_type)
        if len(chosen.at):
            cities = chosen.cities()
            codes = codes_of_cities(cities)
            found[series] = of(series, chosen, codes)
            seen_ms = min(int(chosen.at.max()), past_ms)
            _add(found, CITIES, _named(cities, seen_ms))
            if series not in _UNROUTED:
                # A booking's payments may need its route where it does not itself.
                needed = np.ones(len(codes), bool) if series is BOOKED else codes == NO_CITY
                _add(found, ROUTES, _routes(chosen, needed, seen_ms))
    return found


def without_names_of_nothing(found: dict[Series, Facts]) -> dict[Series, Facts]:
    """The same without names, where nothing is left that they are needed for."""
    return found if any("city" in (seen.dtype.names or ()) for seen in found.values()) else _nameless(found)


def _nameless(found: dict[Series, Facts]) -> dict[Series, Facts]:
    return {series: seen for series, seen in found.items() if series not in (CITIES, ROUTES)}


def _add(found: dict[Series, Facts], series: Series, facts: Facts) -> None:
    if len(facts):
        found[series] = np.concatenate([found[series], facts]) if series in found else facts


def _named(cities: Sequence[str], seen_ms: int) -> Facts:
    names = {code_of_city(name): name.encode() for name in set(cities)}
    names.pop(NO_CITY, None)
    ids = np.fromiter(names, np.uint64, len(names))
    return made(CITIES, ids, np.full(len(ids), seen_ms), name=[*names.values()])


def _routes(chosen: Part, needed: npt.NDArray[np.bool_], seen_ms: int) -> Facts:
    if not needed.any():
        return np.empty(0, ROUTES.dtype)
    halves = chosen.halves("route_id")[needed]
    ids, firsts = np.unique(mixed(halves), return_index=True)
    return made(ROUTES, ids, np.full(len(ids), seen_ms), high=halves[firsts, 0], low=halves[firsts, 1])


Codes = npt.NDArray[np.uint32]


def _position(series: Series, part: Part, codes: Codes) -> Facts:
    halves = part.halves("driver_id")
    speed = part.numbers("speed_kmh")
    tenths = np.where(np.isnan(speed), NO_SPEED, np.minimum(np.rint(speed * 10), _FASTEST))
    return made(
        series,
        mixed(halves),
        part.at,
        high=halves[:, 0],
        low=halves[:, 1],
        lat=np.rint(part.numbers("lat") * DEGREE),
        lon=np.rint(part.numbers("lon") * DEGREE),
        speed=tenths,
        city=codes,
    )


def _started(series: Series, part: Part, codes: Codes) -> Facts:
    halves = part.halves("trip_id")
    columns = {"high": halves[:, 0], "low": halves[:, 1], "driver": part.ids("driver_id")}
    return made(series, mixed(halves), part.at, **columns, city=codes, route=part.ids("route_id"))


def _confirmed(series: Series, part: Part, codes: Codes) -> Facts:
    amount = {"cents": part.cents("total_price"), "currency": part.currencies()}
    return made(series, part.ids("event_id"), part.at, **amount, city=codes, route=part.ids("route_id"))


def _payment(series: Series, part: Part, codes: Codes) -> Facts:
    return made(series, part.ids("payment_id"), part.at, city=codes, booking=part.ids("booking_id"))


def _on_route(field: str) -> "_Maker":
    def facts(series: Series, part: Part, codes: Codes) -> Facts:
        return made(series, part.ids(field), part.at, city=codes, route=part.ids("route_id"))

    return facts


_Maker = Callable[[Series, Part, Codes], Facts]
_UNROUTED: Final = (POSITIONS, PAID, UNPAID)
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

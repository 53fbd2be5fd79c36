"""What live tables hold of places, minutes and arrivals, beside the series of the realtime figures.

They travel behind those in a row of the changelog (see `tables.changes`), so that a worker of the version
before reads what it knows. A place is the `city` that an event names, else the origin of its `route`.
"""

import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tables.series import ALL_SERIES, HOUR_MS, Series

CITY_BYTES: Final = 64
"""A city's name is no longer than that in UTF-8; an event that names a longer one has no city here."""
NO_CITY: Final = 0
NO_SPEED: Final = 0xFFFF
DEGREE: Final = 10_000_000
"""Positions are whole numbers of so many to a degree: a centimetre."""

_UUID: Final = (("high", "<u8"), ("low", "<u8"))
_PLACE: Final = (("city", "<u4"), ("route", "<u8"))
# A route is written as it is called, so that who reads can ask for it, and kept as its hash.
_WRITTEN: Final = (("city", "<u4"), ("route_high", "<u8"), ("route_low", "<u8"))
_MONEY: Final = (("cents", "<i8"), ("currency", "<u4"))
_DRIVEN: Final = (*_UUID, ("driver", "<u8"))
# A payment has the route of its booking.
_OF_BOOKING: Final = (("city", "<u4"), ("booking", "<u8"))

# `speed`: tenths of a kilometre an hour.
POSITIONS: Final = Series(
    9,
    "positions",
    columns=(*_UUID, ("lat", "<i4"), ("lon", "<i4"), ("speed", "<u2"), ("city", "<u4")),
)
TRIPS: Final = Series(10, "trip_places", None, columns=(*_DRIVEN, *_PLACE), written=(*_DRIVEN, *_WRITTEN))
BOOKED: Final = Series(11, "booking_places", None, columns=_PLACE, written=_WRITTEN)
CONFIRMED: Final = Series(12, "bookings_confirmed", columns=(*_MONEY, *_PLACE), written=(*_MONEY, *_WRITTEN))
CANCELLED: Final = Series(13, "bookings_cancelled", columns=_PLACE, written=_WRITTEN)
PAID: Final = Series(14, "payments_success", columns=_OF_BOOKING)
UNPAID: Final = Series(15, "payments_failed", columns=_OF_BOOKING)
COMPLETED: Final = Series(16, "trips_completed", columns=_PLACE, written=_WRITTEN)
# What the numbers stand for, for as long as anything may name them.
CITIES: Final = Series(17, "cities", None, HOUR_MS, columns=(("name", f"S{CITY_BYTES}"),))
# Where those who booked are to be fetched.
PICKUPS: Final = Series(20, "pickups", columns=(("lat", "<i4"), ("lon", "<i4")))
# By when Kafka got an event; `late`: how much later than its event time, by bucket (see `tables.arrivals`).
ARRIVALS: Final = Series(19, "arrivals", columns=(("late", "<u2"), ("share", "|u1")))
# Nobody writes these: they are in the facts that name them.
ROUTES: Final = Series(18, "routes", None, HOUR_MS, columns=_UUID)

WRITTEN_SERIES: Final = (
    POSITIONS,
    TRIPS,
    BOOKED,
    CONFIRMED,
    CANCELLED,
    PAID,
    UNPAID,
    COMPLETED,
    CITIES,
    PICKUPS,
    ARRIVALS,
)
PLACED_SERIES: Final = (*WRITTEN_SERIES, ROUTES)
PLACED_BY_NUMBER: Final = {series.number: series for series in WRITTEN_SERIES}
EVERY_SERIES: Final = (*ALL_SERIES, *PLACED_SERIES)

_CODES_KEPT: Final = 10_000


class _Codes(dict[str | None, int]):
    """The number of each name that was met lately."""

    def __missing__(self, name: str | None) -> int:
        written = (name or "").encode(errors="replace")
        is_name = 0 < len(written) <= CITY_BYTES and 0 not in written
        code = (zlib.crc32(written) or 1) if is_name else NO_CITY
        if len(self) >= _CODES_KEPT:
            self.clear()
        self[name] = code
        return code


_codes: Final = _Codes()


def code_of_city(name: str | None) -> int:
    """32 bits that stand for a city, the same in every process; `NO_CITY` for a name that is none.

    Among a thousand cities two would share theirs with a chance of 1 in 8,600.
    """
    return _codes[name]


def codes_of_cities(names: Sequence[str | None]) -> npt.NDArray[np.uint32]:
    """The same of many."""
    return np.fromiter(map(_codes.__getitem__, names), np.uint32, len(names))

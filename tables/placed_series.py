"""What live tables hold of places and minutes, beside the series of the realtime figures.

They travel behind those in a row of the changelog (see `tables.changes`), so that a worker of the version
before reads what it knows. A place is the `city` that an event names, else the origin of its `route`.
"""

import zlib
from collections.abc import Iterable
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

# `speed`: tenths of a kilometre an hour.
POSITIONS: Final = Series(
    9,
    "positions",
    columns=(*_UUID, ("lat", "<i4"), ("lon", "<i4"), ("speed", "<u2"), ("city", "<u4")),
)
TRIPS: Final = Series(10, "trip_places", None, columns=(*_UUID, ("driver", "<u8"), *_PLACE))
BOOKED: Final = Series(11, "booking_places", None, columns=_PLACE)
CONFIRMED: Final = Series(12, "bookings_confirmed", columns=(("cents", "<i8"), ("currency", "<u4"), *_PLACE))
CANCELLED: Final = Series(13, "bookings_cancelled", columns=_PLACE)
# A payment has the route of its booking.
PAID: Final = Series(14, "payments_success", columns=(("city", "<u4"), ("booking", "<u8")))
UNPAID: Final = Series(15, "payments_failed", columns=(("city", "<u4"), ("booking", "<u8")))
COMPLETED: Final = Series(16, "trips_completed", columns=_PLACE)
# What the numbers stand for, for as long as anything may name them.
CITIES: Final = Series(17, "cities", None, HOUR_MS, columns=(("name", f"S{CITY_BYTES}"),))
ROUTES: Final = Series(18, "routes", None, HOUR_MS, columns=_UUID)

PLACED_SERIES: Final = (
    POSITIONS,
    TRIPS,
    BOOKED,
    CONFIRMED,
    CANCELLED,
    PAID,
    UNPAID,
    COMPLETED,
    CITIES,
    ROUTES,
)
PLACED_BY_NUMBER: Final = {series.number: series for series in PLACED_SERIES}
EVERY_SERIES: Final = (*ALL_SERIES, *PLACED_SERIES)

_CODES_KEPT: Final = 10_000


class _Codes(dict[str, int]):
    """The number of each name that was met lately."""

    def __missing__(self, name: str) -> int:
        written = name.encode(errors="replace")
        is_name = 0 < len(written) <= CITY_BYTES and 0 not in written
        code = (zlib.crc32(written) or 1) if is_name else NO_CITY
        if len(self) >= _CODES_KEPT:
            self.clear()
        self[name] = code
        return code


_codes: Final = _Codes()


def code_of_city(name: str) -> int:
    """32 bits that stand for a city, the same in every process; `NO_CITY` for a name that is none.

    Among a thousand cities two would share theirs with a chance of 1 in 8,600.
    """
    return _codes[name]


def codes_of_cities(names: Iterable[str]) -> npt.NDArray[np.uint32]:
    """The same of many."""
    return np.fromiter(map(_codes.__getitem__, names), np.uint32)

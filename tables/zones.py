"""What is so now by zone: cells of a grid that lies fixed on the earth, from the live state."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tables.known import Column, among, matched
from tables.located import Located
from tables.placed_series import BOOKED, DEGREE, PICKUPS, POSITIONS
from tables.series import HOUR_MS
from tables.state import LiveState

KM_A_DEGREE: Final = 111.195
"""Of latitude, on a sphere of the earth's mean radius."""
_SIZES: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
_SIDE_BY_SIDE: Final = 16
_OUT: Final = 0.05
"""Of the positions on each side, for what lies astray not to make zones large."""
_LOOKED_AT: Final = 20_000
_PLACES: Final = 6
_HALF_TURN: Final = 180 * DEGREE
_COLUMN_BITS: Final = 32

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Zone:
    """One cell with something in it; edges in degrees, those in the south and west are part of it."""

    south: float
    west: float
    north: float
    east: float
    active_drivers: int
    free_drivers: int
    bookings_last_hour: int


@dataclass(frozen=True, slots=True)
class ZonesNow:
    """The cells with something in them, most bookings first, how many there are, and how high one is."""

    size_km: float
    bookings_without_pickup: int
    zones: list[Zone]
    total: int


class Grid:
    """Bands of one height from pole to pole, each of whole cells that are about as wide as they are high."""

    def __init__(self, size_km: float) -> None:
        self._bands = max(1, round(180 * KM_A_DEGREE / size_km))

    def cells(self, lat: Column, lon: Column) -> Whole:
        """The cell of each position, given in whole `DEGREE`ths; a number that tells its band and column."""
        bands = np.minimum(
            (lat.astype(np.int64) + _HALF_TURN // 2) * self._bands // _HALF_TURN, self._bands - 1
        )
        widths = self._in_band(bands)
        # The meridian of 180° east is that of 180° west.
        columns = (lon.astype(np.int64) + _HALF_TURN) * widths // (2 * _HALF_TURN) % widths
        return bands << _COLUMN_BITS | columns

    def edges(self, cells: Whole) -> tuple[list[float], list[float], list[float], list[float]]:
        """South, west, north and east of each cell, in degrees."""
        bands, columns = cells >> _COLUMN_BITS, cells & ((1 << _COLUMN_BITS) - 1)
        widths = self._in_band(bands)
        south, north = (-90 + 180 * edge / self._bands for edge in (bands, bands + 1))
        west, east = (-180 + 360 * edge / widths for edge in (columns, columns + 1))
        rounded = [np.round(edge, _PLACES).tolist() for edge in (south, west, north, east)]
        return rounded[0], rounded[1], rounded[2], rounded[3]

    def _in_band(self, bands: Whole) -> Whole:
        """How many cells go around the earth in each band."""
        around = np.rint(2 * self._bands * np.cos(np.pi * ((bands + 0.5) / self._bands - 0.5)))
        widths: Whole = np.maximum(1, around).astype(np.int64)
        return widths


def zones(
    state: LiveState, now_ms: int, city: str | None, size_km: float | None, limit: int | None = None
) -> ZonesNow:
    """Drivers and bookings by zone.

    Args:
        state: what is known.
        now_ms: the clock, since the epoch.
        city: only drivers and bookings there, as `positions` and `cities` place them.
        size_km: how high a zone is; None: so that sixteen side by side hold the bulk.
        limit: at most so many zones; of a million drivers far apart there may be a million.
    """
    state.settle(now_ms)
    located = Located(state, now_ms)
    driver_lat, driver_lon, is_free = _drivers(located, city)
    pickup_lat, pickup_lon, without = _pickups(located, city)
    lat, lon = np.concatenate([driver_lat, pickup_lat]), np.concatenate([driver_lon, pickup_lon])
    size_km = size_km or _fitting(lat, lon)
    grid = Grid(size_km)
    cells, places = np.unique(grid.cells(lat, lon), return_inverse=True)
    of_drivers, of_pickups = places[: len(driver_lat)], places[len(driver_lat) :]
    drivers, free, bookings = (
        np.bincount(of, minlength=len(cells)) for of in (of_drivers, of_drivers[is_free], of_pickups)
    )
    order = np.lexsort((cells, -drivers, -bookings))[:limit]
    columns = zip(
        *grid.edges(cells[order]),
        *(counted[order].tolist() for counted in (drivers, free, bookings)),
        strict=True,
    )
    return ZonesNow(size_km, without, [Zone(*row) for row in columns], len(cells))


def _drivers(located: Located, city: str | None) -> tuple[Column, Column, Column]:
    """Where active drivers were seen last, and which of them are on no trip."""
    seen = located.state.window(POSITIONS, located.now_ms)
    drivers, cities = located.active_drivers()
    chosen = among(seen["id"], drivers[located.chosen(cities, city)])
    high, low = located.active_trips.by_driver(seen["id"][chosen])
    return seen["lat"][chosen], seen["lon"][chosen], (high == 0) & (low == 0)


def _pickups(located: Located, city: str | None) -> tuple[Column, Column, int]:
    """Where bookings of the last hour are to be picked up, and of how many that is not known."""
    booked = located.state.window(BOOKED, located.now_ms, HOUR_MS)
    chosen = booked["id"][located.chosen(located.of(booked), city)]
    pickups = located.state.window(PICKUPS, located.now_ms, HOUR_MS)
    there = chosen[among(chosen, pickups["id"])]
    lat, lon = (matched(there, pickups["id"], pickups[name]) for name in ("lat", "lon"))
    return lat, lon, len(chosen) - len(there)


def _fitting(lat: Column, lon: Column) -> float:
    """The least size of which sixteen side by side hold the bulk, north to south and west to east."""
    if not len(lat):
        return 1.0
    # Identities are in no order that places know of: those that are passed over lie where the others do.
    lat, lon = (degrees[:: 1 + len(lat) // _LOOKED_AT] for degrees in (lat, lon))
    south, north = _bulk(lat)
    # As seen from the middle of them: a city may lie on both sides of 180°.
    turns = np.radians(lon / DEGREE)
    middle = round(float(np.degrees(np.arctan2(np.sin(turns).mean(), np.cos(turns).mean()))) * DEGREE)
    west, east = _bulk((lon.astype(np.int64) - middle + _HALF_TURN) % (2 * _HALF_TURN))
    wide = (east - west) * np.cos(np.radians((north + south) / 2))
    most_km = KM_A_DEGREE * max(north - south, wide)
    return next((size for size in _SIZES if most_km <= size * _SIDE_BY_SIDE), _SIZES[-1])


def _bulk(degrees: Column) -> tuple[float, float]:
    """Between what the middle nine tenths lie; of a few the ends are left out as well."""
    ordered = np.sort(degrees)
    out = math.ceil(_OUT * (len(ordered) - 1))
    low, high = sorted((out, len(ordered) - 1 - out))
    return float(ordered[low]) / DEGREE, float(ordered[high]) / DEGREE

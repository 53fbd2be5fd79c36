"""Taxi zones: the place and the coordinate of each.

The published trips name zones and carry no coordinates. A zone's coordinate is the centre of its
borough plus an offset derived from the zone's name: always the same, within the borough's size,
and not the zone's true position.
"""

import csv
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

BOROUGHS: Final[dict[str, tuple[float, float, float]]] = {
    # borough: latitude and longitude of its centre, radius of the offsets; all in degrees
    "Manhattan": (40.7750, -73.9700, 0.035),
    "Brooklyn": (40.6501, -73.9496, 0.050),
    "Queens": (40.7282, -73.8100, 0.060),
    "Bronx": (40.8500, -73.8800, 0.035),
    "Staten Island": (40.5795, -74.1502, 0.045),
    "EWR": (40.6895, -74.1745, 0.010),
    "New York": (40.7300, -73.9400, 0.050),
}
CITY_AND_STATE: Final[dict[str, tuple[str, str]]] = {"EWR": ("Newark", "NJ")}
UNLISTED: Final = "Unlisted zone"


@dataclass(frozen=True, slots=True)
class Zone:
    """A taxi zone; `lat` and `lon` are degrees, `city` is the borough's name."""

    name: str
    city: str
    state: str
    lat: float
    lon: float


@cache
def zone_of(name: str, borough: str) -> Zone:
    """The zone called `name`; an empty `borough` is looked up, an empty `name` is somewhere in the city."""
    borough = borough or published_boroughs().get(name, "New York")
    lat, lon, radius = BOROUGHS.get(borough, BOROUGHS["New York"])
    city, state = CITY_AND_STATE.get(borough, (borough, "NY"))
    digest = hashlib.sha256(f"{borough}/{name}".encode()).digest()
    north, east = (int.from_bytes(digest[i : i + 4]) / 2**31 - 1 for i in (0, 4))
    return Zone(name or UNLISTED, city, state, round(lat + radius * north, 6), round(lon + radius * east, 6))


@cache
def published_boroughs() -> dict[str, str]:
    """Borough by zone name, from the lookup table shipped with the trips."""
    text = files("openride_stream.replay").joinpath("data/taxi_zone_lookup_2015.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["Zone"]: row["Borough"] for row in rows if row["Borough"] != "Unknown"}

"""Land and water under the page's map: where they are, and that the page draws them where they are."""

import hashlib
import struct
import uuid
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import pairwise

import pytest
from playwright.async_api import Page, expect

from tests.fixtures.browser import PageLog
from tests.fixtures.web import Site
from tests.web.dashboard import settled
from tests.web.played import ORIGIN, Given, PlayedServer, usual

FOLDER = files("web").joinpath("static", "vendor", "natural-earth")
PATH = "/static/vendor/natural-earth/land.bin"
LAND = {
    "Central Park": (40.782, -73.965),
    "Ikeja": (6.60, 3.35),
    "Alice Springs": (-23.7, 133.9),
    "Denver": (39.74, -104.99),
    "Timbuktu": (16.77, -3.01),
    "Taveuni": (-16.87, -179.97),
    "Chukotka": (67.6, 178.5),
    "Uelen": (66.1, -171.0),
    "Iceland": (64.9, -18.5),
    "the South Pole": (-89.9, 10.0),
}
WATER = {
    "Jamaica Bay": (40.61, -73.84),
    "the Hudson": (40.80, -73.985),
    "Lagos Lagoon": (6.52, 3.48),
    "the Caspian Sea": (42.0, 51.0),
    "the South Pacific": (-17.5, 179.9),
    "the Norwegian Sea": (67.0, 1.0),
    "Davis Strait": (66.5, -58.0),
    "the Bering Sea": (60.0, 180.0),
}

Ring = list[tuple[float, float]]


@cache
def rings() -> list[Ring]:
    """Of what ships, as its README says how it is written."""
    body = FOLDER.joinpath("land.bin").read_bytes()
    step_east, step_north, west, south = struct.unpack_from("<4d", body)
    numbers, value, shift = [], 0, 0
    for byte in body[32:]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    left, found = iter(numbers), []
    for count in left:
        x = y = 0
        ring = []
        for _ in range(count):
            x, y = (at + (step >> 1 ^ -(step & 1)) for at, step in ((x, next(left)), (y, next(left))))
            ring.append((south + y * step_north, west + x * step_east))
        found.append(ring)
    return found


def is_land(lat: float, lon: float) -> bool:
    crossed = 0
    for ring in rings():
        for (lat_1, lon_1), (lat_2, lon_2) in pairwise([*ring, ring[0]]):
            if (lat_1 > lat) != (lat_2 > lat):
                # A ring may go on beyond the 180th meridian.
                at = lon_1 + (lat - lat_1) / (lat_2 - lat_1) * (lon_2 - lon_1)
                crossed += sum(lon + turn < at for turn in (-360, 0, 360))
    return crossed % 2 == 1


def test_outlines_have_land_and_water_where_they_are() -> None:
    assert [place for place, at in LAND.items() if not is_land(*at)] == []
    assert [place for place, at in WATER.items() if is_land(*at)] == []


def test_outlines_are_those_that_are_written_down_with_their_licence() -> None:
    told = FOLDER.joinpath("README.md").read_text()
    assert hashlib.sha256(FOLDER.joinpath("land.bin").read_bytes()).hexdigest() in told
    assert "Permission to use" in FOLDER.joinpath("LICENSE").read_text()


async def test_a_browser_that_has_them_is_not_sent_them_again(bare_site: Site) -> None:
    async with bare_site.client.get(PATH) as response:
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert await response.read() == FOLDER.joinpath("land.bin").read_bytes()
    async with bare_site.client.get(PATH, headers={"If-None-Match": response.headers["ETag"]}) as again:
        assert again.status == 304


def drivers_at(*places: tuple[float, float]) -> PlayedServer:
    """A server with a driver at each place, and with no bookings."""

    def reply(path: str) -> Given:
        given = usual(path)
        if isinstance(given, dict) and path == "/v1/realtime/drivers":
            seen = {"last_seen": datetime.now(UTC).isoformat(), "trip_id": None, "city": None}
            drivers = [
                given["drivers"][0] | seen | {"driver_id": str(uuid.UUID(int=at)), "lat": lat, "lon": lon}
                for at, (lat, lon) in enumerate(places)
            ]
            return given | {"total": len(drivers), "drivers": drivers}
        if isinstance(given, dict) and path == "/v1/realtime/zones":
            return given | {"zones": []}
        return given

    return PlayedServer(reply)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("land", "water"),
    [
        (["Central Park"], ["Jamaica Bay", "the Hudson"]),
        (["Ikeja"], ["Lagos Lagoon"]),
        # On both sides of the 180th meridian.
        (["Taveuni"], ["the South Pacific"]),
        (["Chukotka", "Uelen"], ["the Bering Sea"]),
        # The whole earth, and more of it than there is.
        (["Denver", "Alice Springs", "Timbuktu"], ["the Caspian Sea"]),
    ],
)
async def test_drivers_stand_on_land_or_on_water_where_they_do(
    page: Page, page_log: PageLog, land: list[str], water: list[str]
) -> None:
    places = [*(LAND[name] for name in land), *(WATER[name] for name in water)]
    await drivers_at(*places).begin(page)
    await page.goto(ORIGIN)
    await settled(page)
    await expect(page.locator("#map .driver")).to_have_count(len(places))
    await expect(page.locator("#map .land")).to_have_count(1)
    stand = await page.locator("#map svg").evaluate(
        """(svg) => [...svg.querySelectorAll(".driver")].reverse().map((dot) =>
             svg.querySelector(".land").isPointInFill(new DOMPoint(Number(dot.getAttribute("cx")),
                                                                   Number(dot.getAttribute("cy")))))"""
    )
    assert stand == [True] * len(land) + [False] * len(water)
    assert page_log.errors == []


@pytest.mark.browser
async def test_without_outlines_the_map_is_drawn(page: Page) -> None:
    await drivers_at(LAND["Ikeja"]).begin(page)
    await page.route(f"**{PATH}", lambda route: route.fulfill(status=429))
    await page.goto(ORIGIN)
    await settled(page)
    await expect(page.locator("#map .driver")).to_have_count(1)
    await expect(page.locator("#map .land")).to_have_count(0)

"""The page in a browser, where answers, names, clocks and people are not as one would wish."""

import json
import random
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, TimeoutError, expect

from openride_stream.clock import rfc3339
from tests.fixtures.browser import PageLog
from tests.web.dashboard import csv_of, settled
from tests.web.played import ORIGIN, Given, PlayedServer, usual

pytestmark = pytest.mark.browser

NAMES = [
    "مدينة لاغوس الكبرى",
    "\u202eoverride",
    "👩‍👩‍👧‍👦 City " * 9,
    "Z̷͕̈́͜a̸̛̠̮͝l̵̰̄͝g̴̈́͜o̷" * 4,
    "x" * 500,
    "<script>alert(1)</script>",
    "__proto__",
    "=1+1",
]
WIDTHS = [
    (1280, "light", "none"),
    (640, "light", "active"),
    *((width, scheme, "none") for width in (360, 390, 768, 2560) for scheme in ("light", "dark")),
]
# Figures in which the page tells that there is none, and what must never stand on it.
NO_FIGURE = re.compile(r"\bNaN\b|undefined|\[object|Infinity")
A_DAY_BEHIND = """
const Right = Date;
globalThis.Date = class extends Right {
  constructor(...given) { super(...(given.length ? given : [Date.now()])); }
  static now() { return Right.now() - 86_400_000; }
};
"""
HIDING = """
let isHidden = false;
Object.defineProperty(Document.prototype, "hidden", { get: () => isHidden });
globalThis.hide = (hidden) => {
  isHidden = hidden;
  document.dispatchEvent(new Event("visibilitychange"));
};
"""


async def play(page: Page, server: PlayedServer) -> None:
    await server.begin(page)
    await page.goto(ORIGIN)
    await settled(page)


def crowded(path: str) -> Given:
    """Strange names of a thousand cities and of as many drivers as are asked for; figures missing or huge."""
    given = usual(path)
    if not isinstance(given, dict):
        return given
    chance = random.Random(3)
    if path == "/v1/realtime/cities":
        names = [*NAMES, *(f"City {place}" for place in range(1000 - len(NAMES)))]
        one = given["cities"][0] | {"avg_wait_time_minutes": None}
        return given | {"cities": [one | {"city": name, "bookings_last_hour": 2**60} for name in names]}
    if path == "/v1/realtime/drivers":
        one = given["drivers"][0] | {"last_seen": rfc3339(0)}
        drivers = [
            one
            | {"driver_id": str(uuid.UUID(int=place)), "city": NAMES[place % len(NAMES)]}
            | {"lat": 6.4 + chance.gauss(0, 0.1), "lon": 3.4 + chance.gauss(0, 0.1)}
            for place in range(2_000)
        ]
        drivers[0] |= {"lat": 0, "lon": 0}
        drivers[1] |= {"lat": 52.5, "lon": 13.4}
        drivers[2] |= {"lat": None, "lon": "east"}
        return given | {"total": len(drivers), "drivers": drivers}
    if path == "/v1/metrics/routes":
        return given | {"routes": [given["routes"][0] | {"route_name": n, "origin_city": n} for n in NAMES]}
    if path == "/v1/metrics/trips":
        return given | {"trips_started": 2**60, "trips_completed": -5, "avg_distance_km": None}
    if path == "/v1/metrics/payments":
        del given["payments_failed"]
        return given | {"net_revenue": "-123456789012345678901.25", "success_rate": None}
    return given


async def test_strange_names_and_figures_and_many_of_them_are_shown_for_what_they_are(
    page: Page, page_log: PageLog
) -> None:
    await play(page, PlayedServer(crowded))
    await expect(page.locator("#cities th")).to_have_text([re.compile(re.escape(n.strip())) for n in NAMES])
    assert (
        await page.locator("#cities button").first.evaluate("(one) => getComputedStyle(one).direction")
        == "rtl"
    )
    await expect(page.locator("#map .driver")).to_have_count(1_999)
    await expect(page.locator("#map-text")).to_contain_text("outside this map: 2 drivers")
    figures = {"trips.trips_started": "1,152,921,504,606,847,000", "trips.trips_completed": "−5"}
    figures |= {"trips.avg_distance_km": "–", "payments.success_rate": "–"}
    figures |= {"payments.net_revenue": "−₦123,456,789,012,345,678,901.25"}
    for name, text in figures.items():
        await expect(page.locator(f'[data-figure="{name}"]')).to_have_text(text)
    assert (await csv_of(page, "cities"))[7]["city"] == "'=1+1"
    for width, scheme, colours in WIDTHS:
        await page.emulate_media(forced_colors=colours, color_scheme=scheme, reduced_motion="reduce")
        await page.set_viewport_size({"width": width, "height": 900})
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"at {width} something stands out"
    await page.locator("#city").fill(NAMES[4][:200])
    await page.keyboard.press("Enter")
    await settled(page)
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert not NO_FIGURE.search(await page.locator("body").inner_text())
    assert page_log.errors == []


STRANGE: list[tuple[Given, str, str]] = [
    (b"<!doctype html><p>Please log in to the hotel's network", "Waiting", "cannot be read"),
    (b'{"trips_started": [1,', "Waiting", "cannot be read"),
    ({}, "Waiting", "cannot be read"),
    (b"null", "Waiting", "cannot be read"),
    (500, "Waiting", "the server answered 500"),
    (401, "Token needed", ""),
]


async def test_what_is_no_answer_is_told_and_the_page_comes_back_by_itself(
    page: Page, page_log: PageLog
) -> None:
    server = PlayedServer(usual)
    await play(page, server)
    for strange, word, why in STRANGE:
        server.reply = lambda path, strange=strange: strange if path.startswith("/v1/") else usual(path)
        await ask_all(page)
        await expect(page.locator("#status-word")).to_have_text(word)
        if why:
            await expect(page.locator("#note-text")).to_contain_text(why)
        server.reply = usual
        if strange == 401:
            await page.get_by_role("textbox", name="Token").fill("another")
            await page.keyboard.press("Enter")
        else:
            await ask_all(page)
        await settled(page)
    assert [error for error in page_log.errors if "Failed to load resource" not in error] == []


async def ask_all(page: Page) -> None:
    await page.evaluate("import('/static/asking.js').then((asking) => asking.askAll())")


async def test_an_hour_in_which_nothing_happened_breaks_nothing(page: Page, page_log: PageLog) -> None:
    await play(page, PlayedServer(lambda path: emptied(usual(path))))
    await expect(page.locator("#empty")).to_be_visible()
    await expect(page.locator("#map-none")).to_be_visible()
    assert not NO_FIGURE.search(await page.locator("body").inner_text())
    assert page_log.errors == []


def emptied(given: Any) -> Any:
    """The same with every list of records empty and every count 0."""
    if isinstance(given, dict):
        kept = ("steps", "tiers", "windows")
        return {
            name: value if name in kept and not isinstance(value, list) else emptied(value)
            for name, value in given.items()
        }
    if isinstance(given, list):
        return [emptied(one) for one in given] if given and "step_name" in json.dumps(given[0]) else []
    return 0 if isinstance(given, int | float) and not isinstance(given, bool) else given


async def test_the_servers_clock_counts_and_a_page_that_nobody_looks_at_asks_nothing(
    page: Page, page_log: PageLog
) -> None:
    await page.add_init_script(A_DAY_BEHIND + HIDING)
    await play(page, PlayedServer(usual))
    now = datetime.now(UTC)

    def is_of_now(url: str) -> bool:
        ends = parse_qs(urlsplit(url).query).get("end_date", ["1970-01-01T00:00:00Z"])[0]
        return abs(datetime.fromisoformat(ends) - now) < timedelta(minutes=5)

    async with page.expect_request(
        lambda request: "/v1/metrics/trips" in request.url and is_of_now(request.url)
    ):
        pass
    shown = await page.locator("#as-of").get_attribute("datetime")
    assert shown is not None
    assert abs(datetime.fromisoformat(shown) - now) < timedelta(minutes=1)
    await page.evaluate("hide(true)")
    await page.evaluate("import('/static/asking.js').then((asking) => { globalThis.asking = asking; })")
    await page.wait_for_function("() => asking.sources.every((source) => source.askedAt === Infinity)")
    with pytest.raises(TimeoutError):
        async with page.expect_request("**", timeout=2_500):
            pass
    async with page.expect_request("**/v1/metrics/realtime"):
        await page.evaluate("hide(false)")
    await settled(page)
    assert page_log.errors == []


async def test_everything_is_reached_with_the_keyboard(page: Page) -> None:
    await play(page, PlayedServer(usual))
    focused = page.locator(":focus")
    await page.keyboard.press("Tab")
    await expect(focused).to_have_text("Skip to the figures")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowRight")
    await page.wait_for_url("**/#range=week")
    await page.keyboard.press("Tab")
    await expect(focused).to_have_id("city")
    await page.locator("#cities button").first.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/#range=week&city=Lagos")
    await settled(page)
    table = page.get_by_role("button", name="Drivers and demand: show as a table, zones")
    await table.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#table-head th").first).to_have_text("south")
    await page.keyboard.press("Escape")
    await expect(page.locator("#table")).to_be_hidden()
    await expect(table).to_be_focused()

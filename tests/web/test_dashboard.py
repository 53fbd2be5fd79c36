"""The page in a browser: what stands on it is what the API answers, and it finds its way back."""

import asyncio
import csv
import io
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from openride_stream.clock import SystemClock, rfc3339
from openride_stream.settings import Settings
from tables.watch import Judgement
from tests.fixtures.browser import DEADLINE_S, Page
from tests.fixtures.clock import ManualClock
from tests.fixtures.web import Site, StartSite, fill, open_site
from tests.reference.moments import event_ms
from tests.tables.rides import Event, some_hours
from tests.tables.test_realtime import seen
from tests.web.test_live import unusual
from tests.web.test_page import INDEX
from tests.web.test_realtime import worker
from web.tokens import entry_of, new_token

pytestmark = pytest.mark.browser

HOSTILE = "=<img src=x onerror=alert(1)>"
CITIES = (None, "Lagos", "Ikeja", HOSTILE)
SETTLED = "document.body.dataset.state === 'live' && !document.querySelector('.card[data-pending=true]')"


@pytest.fixture
async def ridden(site: Site) -> Site:
    """A worker that has seen some hours of a platform, and stored them."""
    now_ms = site.runtime.clock.now_ms()
    site.runtime.workers.now = [worker(site)]
    events = [
        event | {"city": CITIES[place % len(CITIES)]}
        for place, event in enumerate(some_hours(11, now_ms, 320))
        if "event_id" in event and event_ms(event["event_timestamp"]) < now_ms
    ]
    await fill(site, events)
    for event in events:
        site.live.state.add(seen([event]), now_ms)
    return site


def written(value: Any, kind: str) -> str:
    """A figure as the page writes it."""

    def to(places: str) -> str:
        return f"{Decimal(str(value)).quantize(Decimal(places), ROUND_HALF_UP):,}"

    if kind == "rate":
        return to("0.1") if 0 < value < 10 else to("1")
    if kind == "ms" and Decimal(str(value)) >= 10_000:
        return f"{(Decimal(str(value)) / 1000).quantize(Decimal('0.1'), ROUND_HALF_UP):,} s"
    return {
        "count": lambda: to("1"),
        "money": lambda: f"₦{to('0.01')}",
        "percent": lambda: f"{to('0.01')} %",
        "minutes": lambda: f"{to('0.1')} min",
        "km": lambda: f"{to('0.1')} km",
        "ms": lambda: f"{to('1')} ms",
    }[kind]()


async def told(site: Site, city: str | None = None) -> dict[str, Any]:
    """What the API answers to the page's questions of the last day."""
    now = datetime.fromtimestamp(site.runtime.clock.now_ms() / 1000, UTC) + timedelta(minutes=1)
    here = {} if city is None else {"city": city}
    day = {"start_date": (now - timedelta(days=1)).isoformat(), "end_date": now.isoformat(), **here}
    answers = {
        name: await site.get(f"/v1/metrics/{name}", **day) for name in ("trips", "bookings", "payments")
    }
    users = await site.get("/v1/metrics/users", **day)
    minutes = (await site.get("/v1/realtime/minutes", **here))["minutes"]
    failed, paid = (sum(one[f"payments_{name}"] for one in minutes) for name in ("failed", "success"))
    cancelled = sum(one["bookings_cancelled"] for one in minutes)
    return {
        **answers,
        "users": users | {"active": users["dau"]},
        "now": await site.get("/v1/metrics/realtime"),
        "minutes": minutes,
        "hour": {
            "bookings_cancelled": cancelled,
            "payments_failed": failed,
            "failed_share": 100 * failed / (failed + paid) if failed + paid else 0,
        },
        "drivers": await site.get("/v1/realtime/drivers", limit="2000", **here),
        "cities": (await site.get("/v1/realtime/cities"))["cities"],
        "routes": (await site.get("/v1/metrics/routes", limit="8", **day))["routes"],
        "best": (await site.get("/v1/metrics/drivers", limit="8", **day))["drivers"],
        "funnel": (await site.get("/v1/analytics/funnel", **day))["steps"],
    }


async def figures_of(page: Page) -> list[dict[str, str]]:
    script = (
        "[...document.querySelectorAll('[data-figure]')].filter((one) => one.checkVisibility())"
        ".map((one) => ({name: one.dataset.figure, kind: one.dataset.as ?? 'count', text: one.textContent}))"
    )
    found: list[dict[str, str]] = await page.until(script)
    return found


async def csv_of(page: Page, panel: str) -> list[dict[str, str]]:
    """The rows of a card's CSV."""
    kept = f"window.csv = tables.csvOf('{panel}')"
    await page.act(f"import('/static/tables.js').then((tables) => {{ {kept} }})")
    rows = [*csv.DictReader(io.StringIO(await page.until("window.csv")))]
    await page.act("delete window.csv")
    return rows


async def texts(page: Page, selector: str) -> list[str]:
    """What stands in each element of a kind, once there is one."""
    every = f"[...document.querySelectorAll('{selector}')].map((one) => one.innerText)"
    found: list[str] = await page.until(f"((all) => all.length && all)({every})")
    return found


async def text(page: Page, selector: str) -> str:
    """What stands in an element, once it is seen and not empty."""
    one = f"document.querySelector('{selector}')"
    return str(await page.until(f"{one}.checkVisibility() && {one}.innerText"))


def saved_in(folder: Path) -> str:
    """The text of the one file that is saved there, once it is whole."""
    deadline_s = SystemClock().monotonic_s() + DEADLINE_S
    while not (found := [*folder.glob("openride-*.csv")]):
        assert SystemClock().monotonic_s() < deadline_s, "no file was saved"
        time.sleep(0.05)
    return found[0].read_text("utf-8-sig")


async def click(page: Page, selector: str) -> None:
    await page.act(f"document.querySelector('{selector}').click()")


async def test_every_figure_on_the_page_is_that_of_the_api(ridden: Site, page: Page) -> None:
    await page.open(str(ridden.client.make_url("/")))
    await page.until(SETTLED)
    answers = await told(ridden)
    shown = [one for one in await figures_of(page) if not one["name"].startswith(("ingest.", "flow."))]
    assert len(shown) > 35
    for one in shown:
        group, field = one["name"].split(".")
        assert one["text"] == written(answers[group][field], one["kind"]), one
    assert answers["trips"]["trips_started"] > 0
    assert answers["now"]["bookings_last_hour"] > 0
    drivers = answers["drivers"]["drivers"]
    dots = "document.querySelectorAll('#map .driver{}').length"
    assert await page.until(dots.format("")) == answers["drivers"]["total"] == len(drivers)
    busy = sum(one["trip_id"] is not None for one in drivers)
    assert await page.until(f"String({dots.format('.on-trip')})") == str(busy)
    names = await texts(page, "#cities th")
    assert names == [one["city"] or "no place" for one in answers["cities"]]
    assert HOSTILE in names, "a name is text, whatever it looks like"
    booked = await texts(page, "#routes td:nth-of-type(1)")
    assert booked == [str(one["total_bookings"]) for one in answers["routes"]]
    earned = await texts(page, "#best td:nth-of-type(2)")
    assert earned == [written(one["total_earnings"], "money") for one in answers["best"]]
    if folder := os.environ.get("OPENRIDE_TEST_PICTURES"):
        await page.picture(Path(folder) / "dashboard.png")
    assert page.errors == []


async def test_a_cards_csv_and_table_hold_what_the_api_answered(
    ridden: Site, page: Page, tmp_path: Path
) -> None:
    await page.open(str(ridden.client.make_url("/")))
    await page.until(SETTLED)
    answers = await told(ridden)
    minutes = await csv_of(page, "minutes")
    assert minutes == [{name: str(value) for name, value in one.items()} for one in answers["minutes"]]
    cities = await csv_of(page, "cities")
    assert [one["city"] for one in cities] == [
        f"'{HOSTILE}" if one["city"] == HOSTILE else one["city"] or "" for one in answers["cities"]
    ], "a spreadsheet must not take a name for a formula"
    drivers = {one["driver_id"]: float(one["lat"]) for one in await csv_of(page, "map")}
    assert drivers == {one["driver_id"]: one["lat"] for one in answers["drivers"]["drivers"]}
    panels = re.findall(r'data-panel="(\w+)"', INDEX)
    for panel in {*panels} - {"cohort", "funnel"}:
        assert await csv_of(page, panel), panel
    await page.command("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "files"))
    await click(page, "[data-panel=cities] .foot button:last-child")
    saved = await asyncio.to_thread(saved_in, tmp_path / "files")
    assert saved.splitlines()[0] == ",".join(answers["cities"][0])
    await click(page, "[data-panel=minutes] .foot button")
    assert len(await texts(page, "#table[open] #table-rows tr")) == 60
    await click(page, "#table-close")
    await page.until("!document.querySelector('#table').open")


async def test_a_minute_is_read_with_the_keyboard(ridden: Site, page: Page) -> None:
    await page.open(str(ridden.client.make_url("/")))
    await page.until(SETTLED)
    minutes = (await told(ridden))["minutes"]
    await page.act("document.querySelector('#minutes').focus()")
    for key in ("Home", "ArrowRight"):
        await page.command("Input.dispatchKeyEvent", type="keyDown", key=key)
    said = await page.until("document.querySelector('#minute').textContent")
    assert said.startswith(f"{minutes[1]['timestamp'][11:16]} UTC: {minutes[1]['trips_started']} trips, ")
    assert await page.until("document.querySelector('#minute').getAttribute('aria-live')") == "polite"


async def test_a_city_is_chosen_on_the_page_and_kept_in_its_address(ridden: Site, page: Page) -> None:
    await page.open(str(ridden.client.make_url("/")))
    await page.until(SETTLED)
    await page.act(
        "[...document.querySelectorAll('#cities button')].find((one) => one.innerText === 'Ikeja').click()"
    )
    await page.until(f"location.hash === '#range=day&city=Ikeja' && {SETTLED}")
    answers = await told(ridden, "Ikeja")
    (here,) = [one for one in answers["cities"] if one["city"] == "Ikeja"]
    assert "Ikeja" in await page.until("document.querySelector('#h-now').textContent")
    shown = [one for one in await figures_of(page) if not one["name"].startswith(("ingest.", "flow."))]
    for one in shown:
        group, field = one["name"].split(".")
        assert one["text"] == written((here if group == "now" else answers[group])[field], one["kind"]), one
    assert {"now.active_users", "now.events_per_second"}.isdisjoint(one["name"] for one in shown)
    await page.command("Page.reload")
    await page.until(f"document.querySelector('#city').value === 'Ikeja' && {SETTLED}")


async def test_what_is_unusual_stands_above_the_cards_and_is_marked(ridden: Site, page: Page) -> None:
    await page.open(str(ridden.client.make_url("/")))
    await page.until(SETTLED)
    assert "not looked yet" in await text(page, "#watch-state")
    ridden.live.judgement = unusual(ridden.runtime.clock.now_ms())
    ridden.runtime.clock.advance(1)
    assert "Payments that failed: 30 where 3 are usual" in await text(page, "#alert-list")
    await page.until("Number(document.querySelector('#minutes .odd').getAttribute('width')) > 20")
    ridden.live.judgement = Judgement(why=None)
    ridden.runtime.clock.advance(1)
    await page.until("!document.querySelector('#alerts').checkVisibility()")


async def test_who_may_not_see_an_analysis_is_told_so_and_sees_the_rest(
    ridden: Site, settings: Settings, clock: ManualClock, page: Page
) -> None:
    token = new_token()
    entry = SecretStr(entry_of("wall", "viewer", token).text())
    tokens = settings.model_copy(update={"api_tokens": entry})
    async with open_site(tokens, ridden.runtime.store, clock) as guarded:
        guarded.runtime.workers.now = [worker(guarded)]
        guarded.live.state = ridden.live.state
        await see_as_viewer(page, guarded, token)


async def see_as_viewer(page: Page, guarded: Site, token: str) -> None:
    await page.open(str(guarded.client.make_url("/")))
    await page.until("!document.querySelector('#gate').hidden")
    await page.act(
        f"document.querySelector('#token').value = '{token}'; document.querySelector('#gate button').click()"
    )
    await page.until(SETTLED)
    assert "analyst" in await page.until("document.querySelector('.funnel .of').textContent")
    assert await page.until("document.querySelector('.trips .figure').textContent") != "0"


@asynccontextmanager
async def door() -> AsyncIterator["Door"]:
    found = Door()
    await found.open(0)
    try:
        yield found
    finally:
        await found.shut()


class Door:
    """An address behind which one worker takes the place of another."""

    def __init__(self) -> None:
        self.to: Site
        self.port = 0
        self._passing: set[asyncio.Task[None]] = set()

    async def open(self, port: int) -> None:
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """As when a worker is killed: nobody listens, and what was open is cut."""
        self._server.close()
        for passing in self._passing:
            passing.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        there = await asyncio.open_connection("127.0.0.1", self.to.client.make_url("/").port)
        try:
            await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._passing.discard(task)
            for one in (writer, there[1]):
                one.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(65_536):
        sink.write(piece)
        await sink.drain()
    sink.close()


async def test_a_page_finds_the_worker_that_takes_the_place_of_a_dead_one(
    ridden: Site, start_site: StartSite, page: Page
) -> None:
    async with door() as entrance:
        entrance.to = ridden
        await page.open(f"http://127.0.0.1:{entrance.port}/")
        await page.until(SETTLED)
        trips = '[data-figure="now.active_trips"]'
        before = int(await text(page, trips))
        await entrance.shut()
        await page.until("document.querySelector('#status-word').innerText === 'Disconnected'")
        assert "as of" in await text(page, "#note-text")
        await page.until("document.querySelector('.card.now').dataset.stale === 'true'")
        heir = await start_site(ridden.runtime.store)
        heir.runtime.workers.now = [worker(heir)]
        heir.live.state = ridden.live.state
        heir.live.state.add(seen([_another_trip(ridden)]), heir.runtime.clock.now_ms())
        entrance.to = heir
        await entrance.open(entrance.port)
        await click(page, "#retry")
        await page.until(f"{SETTLED} && !document.querySelector('#note').checkVisibility()")
        await page.until(f"document.querySelector('{trips}').innerText === '{before + 1}'")


def _another_trip(site: Site) -> Event:
    starts = (
        event
        for event in some_hours(12, site.runtime.clock.now_ms(), 300)
        if event.get("event_type") == "trip.started"
    )
    return next(starts) | {"event_timestamp": rfc3339(site.runtime.clock.now_ms() - 1000)}

"""The page in a browser: what stands on it is what the API answers, and it finds its way back."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, expect
from pydantic import SecretStr

from openride_stream.clock import rfc3339
from openride_stream.settings import Settings
from tables.watch import Judgement
from tests.fixtures.clock import ManualClock
from tests.fixtures.web import Site, StartSite, open_site
from tests.tables.rides import Event, some_hours
from tests.tables.test_realtime import seen
from tests.web.dashboard import HOSTILE, csv_of, ridden, settled, told, visit
from tests.web.test_live import unusual
from tests.web.test_page import INDEX
from tests.web.test_realtime import worker
from web.tokens import entry_of, new_token

__all__ = ["ridden"]

pytestmark = pytest.mark.browser


async def test_a_cards_csv_and_table_hold_what_the_api_answered(ridden: Site, page: Page) -> None:
    await visit(page, ridden)
    answers = await told(ridden)
    minutes = await csv_of(page, "minutes")
    assert minutes == [{name: str(value) for name, value in one.items()} for one in answers["minutes"]]
    cities = await csv_of(page, "cities")
    assert [one["city"] for one in cities] == [
        f"'{HOSTILE}" if one["city"] == HOSTILE else one["city"] or "" for one in answers["cities"]
    ], "a spreadsheet must not take a name for a formula"
    drivers = {one["driver_id"]: float(one["lat"]) for one in await csv_of(page, "map")}
    assert drivers == {one["driver_id"]: one["lat"] for one in answers["drivers"]["drivers"]}
    zones = await csv_of(page, "zones")
    assert sum(int(zone["active_drivers"]) for zone in zones) == answers["drivers"]["total"]
    panels = " ".join(re.findall(r'data-panel="([\w ]+)"', INDEX)).split()
    for panel in panels:
        assert await csv_of(page, panel), panel
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="Cities, now: save as CSV").click()
    download = await downloading.value
    assert re.fullmatch(r"openride-cities-day-[\d-]+T[\d-]+Z\.csv", download.suggested_filename)
    saved = (await download.path()).read_text("utf-8-sig")
    assert saved.splitlines()[0] == ",".join(answers["cities"][0])
    await page.locator("[data-panel=minutes]").get_by_role("button", name="show as a table").click()
    await expect(page.locator("#table[open] #table-rows tr")).to_have_count(60)
    await page.get_by_role("button", name="Close").click()
    await expect(page.locator("#table")).to_be_hidden()


async def test_a_minute_is_read_with_the_keyboard(ridden: Site, page: Page) -> None:
    await visit(page, ridden)
    minute = (await told(ridden))["minutes"][1]
    await page.locator("#minutes").focus()
    for key in ("Home", "ArrowRight"):
        await page.keyboard.press(key)
    said = page.locator("#minute")
    begins = f"{minute['timestamp'][11:16]} UTC: {minute['trips_started']} trips, "
    await expect(said).to_have_text(re.compile(f"^{re.escape(begins)}"))
    await expect(said).to_have_attribute("aria-live", "polite")


async def test_what_is_unusual_stands_above_the_cards_and_is_marked(ridden: Site, page: Page) -> None:
    await visit(page, ridden)
    await expect(page.locator("#watch-state")).to_contain_text("not looked yet")
    ridden.live.judgement = unusual(ridden.runtime.clock.now_ms())
    ridden.runtime.clock.advance(1)
    await expect(page.locator("#alert-list")).to_contain_text("Payments that failed: 30 where 3 are usual")
    mark = await page.locator("#minutes .odd").bounding_box()
    assert mark is not None
    assert mark["width"] > 20
    ridden.live.judgement = Judgement(why=None)
    ridden.runtime.clock.advance(1)
    await expect(page.locator("#alerts")).to_be_hidden()


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
    await page.goto(str(guarded.client.make_url("/")))
    await page.get_by_role("textbox", name="Token").fill(token)
    await page.get_by_role("button", name="Show the figures").click()
    await settled(page)
    await expect(page.locator(".funnel .of")).to_contain_text("analyst")
    await expect(page.locator(".trips > .figure")).to_have_text(re.compile("[1-9]"))


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
        self.flows = asyncio.Event()
        """Not set: connections are taken and nothing goes through, as when a worker is stopped."""
        self.flows.set()
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
            await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._passing.discard(task)
            for one in (writer, there[1]):
                one.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(65_536):
            await self.flows.wait()
            sink.write(piece)
            await sink.drain()
        sink.close()


async def test_a_page_notices_a_worker_that_hangs_and_finds_the_one_that_follows_a_dead_one(
    ridden: Site, start_site: StartSite, page: Page
) -> None:
    async with door() as entrance:
        entrance.to = ridden
        await page.goto(f"http://127.0.0.1:{entrance.port}/")
        await settled(page)
        entrance.flows.clear()
        await expect(page.locator("#status-word")).to_have_text("No answer", timeout=6_000)
        told_since = re.compile(r"has not answered since \d\d:\d\d:\d\d UTC\. Greyed figures are as of \d\d")
        await expect(page.locator("#note-text")).to_have_text(told_since)
        await expect(page.locator(".card:not([data-stale=true])")).to_have_count(0)
        entrance.flows.set()
        await settled(page)
        trips = page.locator('[data-figure="now.active_trips"]')
        before = int(await trips.inner_text())
        await entrance.shut()
        await expect(page.locator("#status-word")).to_have_text("Disconnected")
        await expect(page.locator("#note-text")).to_contain_text("as of")
        await expect(page.locator(".card.now")).to_have_attribute("data-stale", "true")
        heir = await start_site(ridden.runtime.store)
        heir.runtime.workers.now = [worker(heir)]
        heir.live.state = ridden.live.state
        heir.live.state.add(seen([_another_trip(ridden)]), heir.runtime.clock.now_ms())
        entrance.to = heir
        await entrance.open(entrance.port)  # and nobody clicks: the page looks again by itself
        await settled(page)
        await expect(page.locator("#note")).to_be_hidden()
        await expect(trips).to_have_text(str(before + 1))


def _another_trip(site: Site) -> Event:
    starts = (
        event
        for event in some_hours(12, site.runtime.clock.now_ms(), 300)
        if event.get("event_type") == "trip.started"
    )
    return next(starts) | {"event_timestamp": rfc3339(site.runtime.clock.now_ms() - 1000)}

"""The page in a browser: what it says of how old its figures are, and of what keeps them away."""

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.fixtures.browser import PageLog, picture
from tests.web.dashboard import settled
from tests.web.played import ORIGIN, Given, PlayedServer, Reply, usual
from tests.web.test_dashboard_strange import ask_all, emptied, play

pytestmark = pytest.mark.browser

STOOD_AT = "2026-11-22T09:00:03.902Z"
FIXED = datetime(2026, 11, 25, 12, 0, 7, tzinfo=UTC)


def saying(**more: Any) -> Reply:
    """What is usual, with some fields of the live answers otherwise."""

    def reply(path: str) -> Given:
        given = usual(path)
        if not isinstance(given, dict):
            return given
        return given | {name: more[name] for name in more if name in given}

    return reply


async def test_figures_are_as_of_what_their_answers_say(page: Page, page_log: PageLog) -> None:
    server = PlayedServer(saying(as_of=STOOD_AT, timestamp="2026-11-25T12:00:07.000Z"), lambda: FIXED)
    await play(page, server)
    as_of, now, trips = page.locator("#as-of"), page.locator(".now .of"), page.locator(".trips .of")
    for _ in range(2):
        await expect(as_of).to_have_attribute("datetime", STOOD_AT)
        await expect(as_of).to_have_text("22 Nov 2026, 09:00:03 UTC")
        await expect(now).to_have_text("as of 22 Nov 2026, 09:00:03 UTC")
        await expect(trips).to_have_text("as of 12:00:07 UTC")
        # The live tables stand still, however often they are asked for.
        async with page.expect_response("**/v1/metrics/realtime"):
            await ask_all(page)
    server.reply = saying(as_of=None, timestamp="2026-11-25T12:00:07.000Z")
    await ask_all(page)
    await expect(now).to_have_text("tables are being read")
    await expect(as_of).to_have_text("12:00:07 UTC")
    server.reply = saying(as_of="2026-11-25T12:00:06.750Z")
    await ask_all(page)
    await expect(now).to_have_text("as of 12:00:06 UTC")
    await expect(as_of).to_have_attribute("datetime", "2026-11-25T12:00:06.750Z")
    assert page_log.errors == []


async def test_each_state_says_what_it_is_and_is_left_again(page: Page) -> None:
    server = PlayedServer(lambda path: None if path.startswith("/v1/") else usual(path))
    await server.begin(page)
    await page.goto(ORIGIN)
    word, body = page.locator("#status-word"), page.locator("body")
    await expect(word).to_have_text("Loading")
    await expect(body).to_have_attribute("data-state", "loading")
    await expect(page.locator("#figures")).to_have_attribute("aria-busy", "true")
    await expect(page.locator(".card:not([data-pending=true])")).to_have_count(0)
    shines = "(one) => getComputedStyle(one, '::after').animationName"
    assert await page.locator("[data-figure]").first.evaluate(shines) == "breathe"
    await picture(page, "loading")
    server.reply = usual
    await server.release()
    await settled(page)
    await expect(page.locator("#figures")).to_have_attribute("aria-busy", "false")
    await the_store_is_away(page, server)
    await the_worker_is_not_ready(page, server)
    await nothing_has_come_yet(page, server)
    await the_token_is_wrong(page, server)


async def the_store_is_away(page: Page, server: PlayedServer) -> None:
    away = {"title": "Service Unavailable", "status": 503, "detail": "ClickHouse does not answer"}
    server.reply = lambda path: (503, away) if path.startswith("/v1/metrics/t") else usual(path)
    await ask_all(page)
    await expect(page.locator("#status-word")).to_have_text("Waiting")
    told = page.locator("#note-text")
    await expect(told).to_contain_text("ClickHouse does not answer. Greyed figures are as of")
    await expect(page.locator(".trips")).to_have_attribute("data-stale", "true")
    await expect(page.locator(".bookings")).to_have_attribute("data-stale", "false")
    await expect(page.locator('[data-figure="trips.trips_started"]')).not_to_be_empty()
    await picture(page, "waiting")
    server.reply = usual
    async with page.expect_request("**/v1/metrics/trips*", timeout=1_500):
        await page.get_by_role("button", name="Retry now").click()
    await settled(page)
    await expect(page.locator("#note")).to_be_hidden()


async def the_worker_is_not_ready(page: Page, server: PlayedServer) -> None:
    why = "kafka does not answer"
    unready = {"status": "not ready", "reasons": [why]}
    behind = {"system_health": "degraded", "reasons": ["no worker reads openride.events.trip[3]"]}
    for reply, reason in (
        (lambda path: (503, unready) if path == "/health/ready" else usual(path), why),
        (saying(**behind), "no worker reads"),
    ):
        server.reply = reply
        await ask_all(page)
        await expect(page.locator("body")).to_have_attribute("data-state", "troubled")
        await expect(page.locator("#status-word")).to_have_text("Degraded")
        await expect(page.locator("#ingest-state")).to_contain_text(reason)
        await expect(page.locator(".card[data-stale=true]")).to_have_count(0)
        await picture(page, "degraded")
        server.reply = usual
        await ask_all(page)
        await settled(page)


async def nothing_has_come_yet(page: Page, server: PlayedServer) -> None:
    def late(path: str) -> Given:
        if path == "/v1/metrics/realtime":
            return saying(consumer_lag=5_000)(path)
        return emptied(usual(path)) if path.startswith("/v1/metrics/") else usual(path)

    server.reply = late
    await ask_all(page)
    await expect(page.locator("#empty-title")).to_have_text("No rides in the last 24 hours yet")
    await expect(page.locator("#empty-text")).to_have_text("5,000 records are on the way, the oldest first.")
    await expect(page.locator('[data-figure="ingest.consumer_lag"]')).to_have_text("5,000")
    await expect(page.locator("#ingest-state")).to_have_text("Catching up with the topics")
    await expect(page.locator("#status-word")).to_have_text("Live")
    await picture(page, "empty")
    server.reply = usual
    await page.get_by_role("button", name="Look further back").click()
    await page.wait_for_url("**/#range=week")
    await settled(page)
    await expect(page.locator("#empty")).to_be_hidden()


async def the_token_is_wrong(page: Page, server: PlayedServer) -> None:
    server.reply = lambda path: 401 if path.startswith("/v1/") else usual(path)
    await ask_all(page)
    field = page.get_by_role("textbox", name="Token")
    await expect(field).to_be_focused()
    await expect(page.locator("#gate-wrong")).to_be_hidden()
    await field.fill("or_not_this")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("This token is not known here. Was it copied whole?")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#status-word")).to_have_text("Token needed")
    await picture(page, "locked")
    server.reply = usual
    await field.fill("or_this")
    await page.keyboard.press("Enter")
    await settled(page)
    await expect(page.locator("#gate")).to_be_hidden()
    await expect(page.get_by_role("button", name="Forget the token")).to_be_visible()

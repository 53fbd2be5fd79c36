"""The page of `openride up`, with the demo's real trips, in a browser."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from aiohttp import ClientSession
from playwright.async_api import Page, expect

from tests.e2e.test_up import Stack
from tests.exports.conftest import until
from tests.fixtures.browser import PageLog
from tests.web.dashboard import written

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

COUNTS = ("trips_started", "trips_completed", "active_drivers")
MOST_TRIPS = 5_000
WITHIN_S = 150.0


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    started = Stack(tmp_path / "data")
    await asyncio.to_thread(started.start, "--workers", "1")
    yield started
    await asyncio.to_thread(started.stop)
    started.kill()


async def test_real_trips_are_on_the_page_and_a_worker_that_died_is_found_again(
    stack: Stack, page: Page, page_log: PageLog
) -> None:
    (url,) = stack.record.web
    await page.goto(f"{url}/#range=month")
    async with ClientSession() as session:
        await until(partial(agree, page, page_log, session), WITHIN_S)
    await expect(page.locator("#status-word")).to_have_text("Live")
    assert page_log.errors == []

    os.kill(stack.record.pids["worker-1"], signal.SIGKILL)
    await expect(page.locator("#status-word")).not_to_have_text("Live")
    # Nobody clicks: the supervisor has started another one, and the page asks by itself.
    await expect(page.locator("#status-word")).to_have_text("Live", timeout=90_000)
    async with ClientSession() as session:
        await until(partial(agree, page, page_log, session), 60)


async def agree(page: Page, page_log: PageLog, session: ClientSession) -> bool:
    """Whether the month is there, and the page has it as the API: trips go on, so that both move."""
    asked = [address for address in page_log.requested if "/v1/metrics/trips" in address]
    shown = {name: page.locator(f'[data-figure="trips.{name}"]') for name in COUNTS}
    if not asked or not all([await each.count() for each in shown.values()]):
        return False
    async with session.get(asked[-1]) as answer:
        if answer.status != 200:
            return False
        found = await answer.json()
    told = {name: await each.first.inner_text() for name, each in shown.items()}
    right = {name: written(found[name], "count") for name in COUNTS}
    return found["trips_completed"] > MOST_TRIPS and told == right

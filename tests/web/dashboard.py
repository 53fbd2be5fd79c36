"""The dashboard under test: a worker that has seen some hours, and what has to stand on its page."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.fixtures.web import Site, fill
from tests.reference.moments import event_ms
from tests.tables.rides import some_hours
from tests.tables.test_realtime import seen
from tests.web.test_realtime import worker

HOSTILE = "=<img src=x onerror=alert(1)>"
CITIES = (None, "Lagos", "Ikeja", HOSTILE)
SETTLED = "body[data-state=live]:not(:has(.card[data-pending=true]))"


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


async def visit(page: Page, site: Site, address: str = "/") -> None:
    """Open the page of a worker, and wait until every card is answered."""
    await page.goto(str(site.client.make_url(address)))
    await settled(page)


async def settled(page: Page) -> None:
    """Wait until every card is answered."""
    await expect(page.locator(SETTLED)).to_be_attached()


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
    """Every figure that is seen: `name`, `kind` and `text`."""
    found: list[dict[str, str]] = await page.locator("[data-figure]:visible").evaluate_all(
        "(all) => all.map((one) => ({name: one.dataset.figure, kind: one.dataset.as ?? 'count', "
        "text: one.textContent}))"
    )
    return found


async def csv_of(page: Page, panel: str) -> list[dict[str, str]]:
    """The rows of a card's CSV."""
    text = await page.evaluate(
        "(panel) => import('/static/tables.js').then((tables) => tables.csvOf(panel))", panel
    )
    return [*csv.DictReader(io.StringIO(text))]

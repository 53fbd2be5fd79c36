"""The dashboard under test: a worker that has seen some hours, and what has to stand on its page."""

import csv
import io
import random
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson
import pytest
from playwright.async_api import Page, expect

from openride_stream.events.letter_views import letter_row
from openride_stream.events.letters import Letter
from openride_stream.events.rejects import Reject
from tables.changes import decoded
from tests.events.batches import POLICY, FakeRecord
from tests.fixtures.web import Site, fill
from tests.reference.moments import event_ms
from tests.tables.rides import moved, some_hours
from tests.tables.test_came_in import rows, some
from tests.tables.test_realtime import NOW_MS, seen
from tests.web.registrations import registrations
from tests.web.test_realtime import worker

HOSTILE = "=<img src=x onerror=alert(1)>"
CITIES = (None, "Lagos", "Ikeja", HOSTILE)
SETTLED = "body[data-state=live]:not(:has(.card[data-pending=true]))"


@pytest.fixture
async def ridden(site: Site) -> Site:
    """A worker that has seen some hours of a platform, and stored them; and who registered weeks ago."""
    now_ms = site.runtime.clock.now_ms()
    site.runtime.workers.now = [worker(site, lag=1)]
    site.live.as_of_ms = now_ms
    happened = [*some_hours(11, now_ms, 320), *registrations(4, now_ms)]
    events = [
        event | {"city": CITIES[place % len(CITIES)]}
        for place, event in enumerate(happened)
        if "event_id" in event and event_ms(event["event_timestamp"]) < now_ms
    ]
    await fill(site, events)
    for event in events:
        site.live.state.add(seen([event]), now_ms)
    await _come_in(site, now_ms)
    return site


async def _come_in(site: Site, now_ms: int) -> None:
    """Events that Kafka got during the last hour, some late, and three records that were rejected."""
    chance, shift_ms = random.Random(5), now_ms - NOW_MS
    came = [
        (moved(event, event_ms(event["event_timestamp"]) + shift_ms), at_ms + shift_ms)
        for event, at_ms in some(400, chance)
    ]
    for row in rows(came, [50], chance):
        site.live.state.add(decoded(row), now_ms)
    await reject(site, now_ms - 5_000, 2)
    await reject(site, now_ms - 3_599_000, 1)
    await reject(site, now_ms - 3_601_000, 4)


async def reject(site: Site, at_ms: int, count: int) -> None:
    """So many records become dead letters at a moment."""
    letters = [
        Letter.of("openride.events.user", 0, _refused(place, at_ms), "two:2", at_ms) for place in range(count)
    ]
    found = [letter_row(letter, POLICY.pii_key, 1_000_000) | {"dlq_offset": 0} for letter in letters]
    # Each twice, as after a batch that was read again.
    await site.runtime.store.insert(
        f"{site.settings.clickhouse_database}.dead_letters", b"\n".join(map(orjson.dumps, found * 2))
    )


def _refused(place: int, at_ms: int) -> Reject:
    record = FakeRecord(b'{"event_type": "user.registered", "role": "PILOT"}', place, at_ms)
    return Reject(record, "InvalidField", "role: wrong")


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
    if kind == "duration":
        if value >= 90 * 60_000:
            days, hours = value >= 48 * 3_600_000, value / 3_600_000
            return f"{round(hours / 24)} days" if days else f"{_tenths(hours)} h"
        return f"{_tenths(value / 60_000)} min" if value >= 90_000 else written(value, "ms")
    return {
        "count": lambda: to("1"),
        "money": lambda: f"₦{to('0.01')}",
        "percent": lambda: f"{to('0.01')} %",
        "minutes": lambda: f"{to('0.1')} min",
        "km": lambda: f"{to('0.1')} km",
        "ms": lambda: f"{to('1')} ms",
    }[kind]()


def _tenths(value: float) -> str:
    return f"{Decimal(str(value)).quantize(Decimal('0.1'), ROUND_HALF_UP):,}"


RANGES = {"today": (0, "dau"), "week": (6, "wau"), "month": (29, "mau")}
"""Days before today, and who is active in as many."""


def bounds(now_ms: int, range_name: str) -> dict[str, str]:
    """What a range that is chosen at `now_ms` covers, as parameters: whole UTC days, or the last 24 hours."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    if range_name == "day":
        end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        start = end - timedelta(days=1)
    else:
        end = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        start = end - timedelta(days=1 + RANGES[range_name][0])
    return {"start_date": start.isoformat(), "end_date": end.isoformat()}


async def told(site: Site, city: str | None = None, range_name: str = "day") -> dict[str, Any]:
    """What the API answers to the page's questions."""
    now_ms = site.runtime.clock.now_ms()
    here = {} if city is None else {"city": city}
    day = {**bounds(now_ms, range_name), **here}
    fine = "hourly" if range_name in ("today", "day") else "daily"
    answers = {
        name: await site.get(f"/v1/metrics/{name}", granularity=fine, **day)
        for name in ("trips", "bookings", "payments", "users")
    }
    users = answers["users"]
    minutes = (await site.get("/v1/realtime/minutes", **here))["minutes"]
    failed, paid = (sum(one[f"payments_{name}"] for one in minutes) for name in ("failed", "success"))
    cancelled = sum(one["bookings_cancelled"] for one in minutes)
    now = await site.get("/v1/metrics/realtime")
    flow = await site.get("/v1/realtime/ingest")
    kind = "weekly" if range_name == "month" else "daily"
    return {
        **answers,
        "users": users | {"active": users[RANGES.get(range_name, (0, "dau"))[1]]},
        "now": now,
        "at": now["timestamp"],
        "flow": [one for one in flow["minutes"][:-1] if one["events"]][-1],
        "ingest": {
            "events_per_second": now["events_per_second"],
            "consumer_lag": now["consumer_lag"],
            "events_last_hour": sum(one["events"] or 0 for one in flow["minutes"]),
            "rejected_last_hour": flow["rejected_last_hour"],
        },
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
        "cohorts": (await site.get("/v1/analytics/cohort", cohort_type=kind, periods="8", **here))["cohorts"],
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

"""The page in a browser: the scheduler, and how events come in."""

import os
import uuid
from pathlib import Path

import orjson
import pytest
from playwright.async_api import Page, expect

from openride_stream.clock import rfc3339
from openride_stream.settings import Settings
from tests.clickhouse.storing import ingest
from tests.fixtures.browser import PageLog
from tests.fixtures.web import Site
from tests.reference.moments import event_ms
from tests.tables.rides import Event, some_hours
from tests.tables.test_realtime import seen, topic_of
from tests.web.dashboard import csv_of, ridden, settled, visit, written

__all__ = ["ridden"]

pytestmark = pytest.mark.browser


async def test_the_scheduler_and_what_comes_in_are_shown(
    ridden: Site, settings: Settings, page: Page, page_log: PageLog
) -> None:
    now_ms = ridden.runtime.clock.now_ms()
    executions = scheduled(now_ms)
    by_topic: dict[str, list[bytes]] = {}
    for event in executions:
        by_topic.setdefault(topic_of(event), []).append(orjson.dumps(event))
        ridden.live.state.add(seen([event]), now_ms)
    await ingest(ridden.runtime.store, settings, by_topic)
    await visit(page, ridden)
    queues = (await ridden.get("/v1/realtime/queue-times"))["tiers"]
    cells = [
        written(one[name], "count" if name == "count" else "ms") if one["count"] or name == "count" else "–"
        for one in queues
        for name in ("count", "p50_ms", "p95_ms", "p99_ms")
    ]
    await expect(page.locator("#tiers td")).to_have_text(cells)
    health = await ridden.get("/v1/schedule-analytics/health/system", hours_back="24")
    assert health["overall"]["total_records"] == len(executions)
    tiers = health["tiers"].values()
    ran = [written(one["total_records"], "count") for one in tiers]
    await expect(page.locator("#scheduler td:nth-of-type(1)")).to_have_text(ran)
    succeeded = [
        written(one["success_rate"], "percent") if one["success_count"] + one["failure_count"] else "–"
        for one in tiers
    ]
    await expect(page.locator("#scheduler td:nth-of-type(2)")).to_have_text(succeeded)
    (stuck,) = health["stuck_schedules"]
    assert stuck["schedule_id"] == "payouts"
    await expect(page.locator("#scheduler-stuck")).to_contain_text("payouts: not seen for")
    minutes = (await ridden.get("/v1/realtime/ingest"))["minutes"]
    newest = [one for one in minutes[:-1] if one["events"]][-1]
    await expect(page.locator("#late-text")).to_contain_text(written(newest["late_p95_ms"], "ms"))
    half_late = page.locator('[data-figure="flow.late_p50_ms"]')
    await expect(half_late).to_have_text(written(newest["late_p50_ms"], "ms"))
    told_rows = await csv_of(page, "ingest")
    assert len([one for one in told_rows if one["figure"] == "events"]) == 60
    if folder := os.environ.get("OPENRIDE_TEST_PICTURES"):
        await pictures(page, Path(folder))
    assert page_log.errors == []


async def pictures(page: Page, folder: Path) -> None:
    """The whole page as it is on a wall, in a hand, and in the dark."""
    for name, width, scheme in (("wide", 1600, "light"), ("phone", 390, "light"), ("dark", 1280, "dark")):
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": 900})
        await settled(page)
        await page.screenshot(path=folder / f"{name}.png", full_page=True)


def scheduled(now_ms: int) -> list[Event]:
    """Executions of the last hours, some of which failed, and of a schedule that is silent by now."""
    found = []
    for event in some_hours(11, now_ms, 900):
        if "analytics_id" in event and _started_ms(event) < now_ms:
            failed = {"execution_result": "failure", "error_message": "no answer", "level": "error"}
            found.append(event | (failed if len(found) % 9 == 0 else {}))
    sample = found[1] | {"schedule_id": "payouts", "schedule_name": None, "correlation_id": "payouts"}
    for minute in range(30, 40):
        moment = rfc3339(now_ms - minute * 60_000)
        times = {"scheduled_at": moment, "started_processing_at": moment, "completed_at": moment}
        found.append(sample | times | {"analytics_id": str(uuid.uuid4())})
    return found


def _started_ms(event: Event) -> int:
    return event_ms(event["started_processing_at"])

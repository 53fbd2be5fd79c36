"""The page in a browser: every figure, line, bar, list and table on it is what the API answers."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from openride_stream.clock import rfc3339
from tests.fixtures.browser import PageLog, picture
from tests.fixtures.web import Site
from tests.web.dashboard import HOSTILE, csv_of, figures_of, ridden, settled, told, visit, written
from tests.web.drawn import as_text, cohort_row, driver_row, line_of, route_row, rows_of, shares
from tests.web.registrations import TODAY

__all__ = ["ridden"]

pytestmark = pytest.mark.browser

Answers = dict[str, Any]


async def figures_are_those_of(page: Page, answers: Answers) -> list[str]:
    """Compare each figure that is seen, and return their names."""
    shown = await figures_of(page)
    for one in shown:
        group, field = one["name"].split(".")
        assert one["text"] == written(answers[group][field], one["kind"]), one
    return [one["name"] for one in shown]


async def test_every_figure_on_the_page_is_that_of_the_api(
    ridden: Site, page: Page, page_log: PageLog
) -> None:
    await visit(page, ridden)
    answers = await told(ridden)
    assert len(await figures_are_those_of(page, answers)) > 40
    assert answers["trips"]["trips_started"] > 0
    assert answers["now"]["bookings_last_hour"] > 0
    drivers = answers["drivers"]["drivers"]
    assert answers["drivers"]["total"] == len(drivers) > 0
    await expect(page.locator("#map .driver")).to_have_count(len(drivers))
    busy = sum(one["trip_id"] is not None for one in drivers)
    await expect(page.locator("#map .driver.on-trip")).to_have_count(busy)
    names = [one["city"] or "no place" for one in answers["cities"]]
    assert HOSTILE in names, "a name is text, whatever it looks like"
    await expect(page.locator("#cities th")).to_have_text(names)
    assert await rows_of(page, "routes") == [*map(route_row, answers["routes"])] != []
    assert await rows_of(page, "best") == [*map(driver_row, answers["best"])] != []
    rejected = answers["ingest"]["rejected_last_hour"]
    hour = rfc3339(ridden.runtime.clock.now_ms() - 3_600_000)
    assert rejected == (await ridden.get("/v1/dead-letters", start_date=hour))["total"] == 3
    assert answers["ingest"]["consumer_lag"] == 72, "of all that any worker holds"
    assert answers["ingest"]["events_last_hour"] > 300
    await picture(page, "dashboard")
    await lines_and_bars_are_drawn_after(page, answers)
    await the_funnel_and_who_comes_back_are_drawn_after(page, answers)
    assert page_log.errors == []


async def lines_and_bars_are_drawn_after(page: Page, answers: Answers) -> None:
    minutes = answers["minutes"]
    for name in ("trips_started", "bookings_created", "bookings_cancelled", "payments_failed", "revenue"):
        values = [float(minute[name]) for minute in minutes]
        drawn = await line_of(page, f"[data-trace={name}] .trace", 1.5, 1.5)
        assert len(drawn) == 60
        assert drawn == shares(values, 1e-9), name
    started = [minute["trips_started"] for minute in minutes]
    bars = await page.locator("#minutes .minute").evaluate_all(
        "(bars) => bars.map((bar) => bar.height.baseVal.value)"
    )
    assert sum(started) > 0
    assert [bar / max(bars) for bar in bars] == shares(started, 1e-9)
    for name in ("trips", "bookings", "users", "payments"):
        past = [one["value"] for one in answers[name]["time_series"] if one["timestamp"] <= answers["at"]]
        assert await line_of(page, f"[data-series={name}] .trace", 25, 3) == shares(past, 1), name


async def the_funnel_and_who_comes_back_are_drawn_after(page: Page, answers: Answers) -> None:
    steps, cohorts = answers["funnel"], answers["cohorts"]
    counts = [step["count"] for step in steps]
    assert counts[0] == TODAY > counts[-1] > 0
    items = page.locator("#funnel li")
    await expect(items.locator(".sum")).to_have_text([*map(str, counts)])
    rates = [written(step["conversion_rate"], "percent") for step in steps]
    await expect(items.locator(".count")).to_have_text(rates)
    wide = await items.locator(".bar").evaluate_all(
        "(bars) => bars.map((bar) => bar.firstChild.offsetWidth / bar.offsetWidth)"
    )
    assert wide == pytest.approx([step["conversion_rate"] / 100 for step in steps], abs=0.05)
    assert await csv_of(page, "funnel") == [*map(as_text, steps)]
    some = [cohort for cohort in cohorts if cohort["cohort_size"]]
    assert len(some) > 2
    assert any(rate for one in some for rate in [*one["retention_by_period"].values()][1:]), "some came back"
    assert await rows_of(page, "cohort-rows") == [*map(cohort_row, some)]
    open_periods = sum(rate is None for one in some for rate in one["retention_by_period"].values())
    await expect(page.locator("#cohort-rows .open")).to_have_count(open_periods)
    assert await csv_of(page, "cohort") == [*map(as_text, cohorts)]


async def test_a_city_is_chosen_on_the_page_and_kept_in_its_address(ridden: Site, page: Page) -> None:
    await visit(page, ridden)
    await page.locator("#cities").get_by_role("button", name="Ikeja").click()
    await page.wait_for_url("**/#range=day&city=Ikeja")
    await settled(page)
    answers = await told(ridden, "Ikeja")
    (here,) = [one for one in answers["cities"] if one["city"] == "Ikeja"]
    await expect(page.locator("#h-now")).to_contain_text("Ikeja")
    shown = await figures_of(page)
    for one in shown:
        group, field = one["name"].split(".")
        assert one["text"] == written((here if group == "now" else answers[group])[field], one["kind"]), one
    assert {"now.active_users", "now.events_per_second"}.isdisjoint(one["name"] for one in shown)
    await page.reload()
    await expect(page.locator("#city")).to_have_value("Ikeja")
    await settled(page)


async def test_every_range_shows_its_own_figures_and_a_link_opens_where_it_points(
    ridden: Site, page: Page, page_log: PageLog
) -> None:
    await page.emulate_media(reduced_motion="reduce")  # figures do not move on their way
    await visit(page, ridden, "/#range=week&city=Ikeja")
    await expect(page.locator("#city")).to_have_value("Ikeja")
    answers = await told(ridden, "Ikeja", "week")
    (here,) = [one for one in answers["cities"] if one["city"] == "Ikeja"]
    await figures_are_those_of(page, answers | {"now": here})
    booked = {"week in Ikeja": answers["bookings"]["bookings_created"]}
    await page.evaluate("location.hash = '#range=month'")
    for name, label in (("month", "30 days"), ("week", "7 days"), ("today", "Today"), ("day", "24 h")):
        await page.get_by_text(label, exact=True).click()
        await page.wait_for_url(f"**/#range={name}")
        await expect(page.get_by_role("radio", name=label)).to_be_checked()
        await settled(page)
        answers = await told(ridden, range_name=name)
        await figures_are_those_of(page, answers)
        assert await rows_of(page, "cohort-rows") == [
            cohort_row(one) for one in answers["cohorts"] if one["cohort_size"]
        ]
        booked[name] = answers["bookings"]["bookings_created"]
    assert booked["month"] > booked["week"] > booked["week in Ikeja"] > 0
    assert page_log.errors == []

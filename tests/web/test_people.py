"""Funnel, cohorts and retention over HTTP: parameters, defaults, the clock, caching."""

from typing import Any

from openride_stream.clickhouse.queries.cohort import first_day, period_of
from openride_stream.clock import utc_from_ms
from tests.fixtures.web import Site, fill
from tests.web.test_metrics import DAY_MS, event, iso

HOUR_MS = 3_600_000


def uid(number: int) -> str:
    return f"{number:08d}-3333-4333-8444-555555555555"


def registered(number: int, at_ms: int, **given: Any) -> dict[str, Any]:
    return event("user.registered", at_ms, user_id=uid(number), **given)


def seen(number: int, at_ms: int) -> dict[str, Any]:
    return event("user.activity", at_ms, user_id=uid(number), city=None, state=None)


async def ask(site: Site, name: str, **parameters: str) -> tuple[str, dict[str, Any]]:
    async with site.client.get(f"/v1/analytics/{name}", params=parameters) as response:
        assert response.status == 200, await response.text()
        return response.headers["X-Cache"], await response.json()


async def test_a_ride_after_the_end_of_the_range_counts_within_the_window(site: Site) -> None:
    start_ms = site.runtime.clock.now_ms() // DAY_MS * DAY_MS - 10 * DAY_MS
    asked = {"start_date": iso(start_ms), "end_date": iso(start_ms + HOUR_MS), "window_days": "2"}
    steps = ("booking.created", "payment.initiated", "payment.success")
    same_moment = [event(step, start_ms + 1000, rider_id=uid(1)) for step in steps]
    await fill(site, [registered(1, start_ms + 1000), registered(2, start_ms), *same_moment])
    outcome, before = await ask(site, "funnel", **asked)
    assert [step["count"] for step in before["steps"]] == [2, 1, 1, 1, 0]
    assert (await ask(site, "funnel", **asked)) == ("hit", before)
    await fill(site, [event("trip.completed", start_ms + 1000 + 2 * DAY_MS, rider_id=uid(1))])
    outcome, after = await ask(site, "funnel", **asked)
    assert (outcome, after["overall_conversion_rate"]) == ("miss", 50.0)
    assert after["steps"][4] == {
        "step_number": 5,
        "step_name": "trip.completed",
        "count": 1,
        "conversion_rate": 50.0,
        "drop_off_rate": 0.0,
    }


async def test_what_has_not_ended_is_not_told(site: Site) -> None:
    clock = site.runtime.clock
    today_ms = clock.now_ms() // DAY_MS * DAY_MS
    clock.ms = today_ms + 13 * HOUR_MS
    await fill(site, [registered(1, today_ms - DAY_MS), seen(1, today_ms), registered(2, today_ms - 1)])
    asked = {"start_date": iso(today_ms - 2 * DAY_MS), "end_date": iso(today_ms)}
    _, before = await ask(site, "retention", **asked)
    assert before == {name: {"users": 0, "retained": 0, "rate": 0.0} for name in ("d1", "d7", "d30")}
    _, cohorts = await ask(site, "cohort", cohort_type="daily", periods="2", start_date=asked["start_date"])
    assert [cohort["cohort_size"] for cohort in cohorts["cohorts"]] == [0, 2, 0]
    shares = [list(cohort["retention_by_period"].values()) for cohort in cohorts["cohorts"]]
    assert shares == [[0.0, 0.0], [100.0, None], [None, None]]
    clock.ms = today_ms + DAY_MS  # the day has ended; nothing was stored since
    _, after = await ask(site, "retention", **asked)
    assert after["d1"] == {"users": 2, "retained": 1, "rate": 50.0}
    _, cohorts = await ask(site, "cohort", cohort_type="daily", periods="2", start_date=asked["start_date"])
    assert cohorts["cohorts"][1]["retention_by_period"] == {"period_0": 100.0, "period_1": 50.0}
    assert len(cohorts["cohorts"]) == 4
    for number, at_ms in ((1, today_ms), (2, today_ms - 1)):  # at the end of the range, and before it
        await fill(site, [event("user.upgraded_to_driver", at_ms, user_id=uid(number))])
    _, drivers = await ask(site, "retention", user_type="driver", **asked)
    assert drivers["d1"] == {"users": 1, "retained": 0, "rate": 0.0}


async def test_cohorts_begin_with_the_period_of_the_start_and_miss_none_up_to_now(site: Site) -> None:
    clock = site.runtime.clock
    clock.ms = first_day(period_of(clock.now_ms() // DAY_MS, "monthly"), "monthly") * DAY_MS + HOUR_MS
    for kind, cohorts in (("daily", 12), ("weekly", 12), ("monthly", 12)):
        _, answer = await ask(site, "cohort", cohort_type=kind)
        assert len(answer["cohorts"]) == cohorts
        assert list(answer["cohorts"][0]["retention_by_period"]) == [f"period_{k}" for k in range(12)]
    _, answer = await ask(site, "cohort", start_date=iso(clock.ms - 3 * DAY_MS), cohort_type="monthly")
    this, last = utc_from_ms(clock.ms), utc_from_ms(clock.ms - DAY_MS)
    assert [cohort["cohort_period"] for cohort in answer["cohorts"]] == [
        last.strftime("%Y-%m-01"),
        this.strftime("%Y-%m-01"),
    ]


async def test_activity_of_today_leaves_cohorts_in_the_cache_and_a_registration_does_not(site: Site) -> None:
    now_ms = site.runtime.clock.now_ms()
    await fill(site, [registered(1, now_ms - 20 * DAY_MS)])
    assert (await ask(site, "cohort"))[0] == "miss"
    await fill(site, [event("booking.created", now_ms, rider_id=uid(1))])
    assert (await ask(site, "cohort"))[0] == "hit"
    await fill(site, [registered(2, now_ms)])
    outcome, answer = await ask(site, "cohort")
    assert (outcome, answer["cohorts"][-1]["cohort_size"]) == ("miss", 1)


async def test_what_cannot_be_answered_is_named(bare_site: Site) -> None:
    clock = bare_site.runtime.clock
    for path, name, value, status in (
        ("funnel", "window_days", "0", 422),
        ("funnel", "window_days", "366", 422),
        ("funnel", "window_days", "long", 400),
        ("funnel", "granularity", "daily", 400),
        ("retention", "user_type", "admin", 422),
        ("cohort", "cohort_type", "yearly", 422),
        ("cohort", "periods", "53", 422),
        ("cohort", "periods", "0", 422),
        ("cohort", "end_date", "2026-01-01", 400),
        ("cohort", "start_date", iso(clock.ms + 8 * DAY_MS), 422),
        ("cohort", "start_date", "2001-01-01", 422),
        ("cohort", "start_date", "soon", 400),
        ("trends", "metric", "profit", 422),
        ("trends", "granularity", "yearly", 422),
    ):
        problem = await bare_site.get(f"/v1/analytics/{path}", status, **{name: value})
        assert [fault["parameter"] for fault in problem["errors"]] == [name], path

"""`GET /v1/realtime/…`: what is so now by driver, city and minute."""

import random

import numpy as np
import pytest

from tables.anomalies import MINUTE_MS, Anomaly, Score
from tables.changes import decoded
from tables.watch import Judgement
from tests.fixtures.web import Site
from tests.reference.moments import event_ms
from tests.reference.realtime import TIERS
from tests.tables.rides import Event, moved, some_hours
from tests.tables.test_came_in import rows, some
from tests.tables.test_realtime import NOW_MS, of_type, seen
from tests.web.test_realtime import worker


@pytest.fixture
def well(bare_site: Site) -> Site:
    bare_site.runtime.workers.now = [worker(bare_site)]
    return bare_site


def happens(site: Site, *events: Event) -> None:
    now_ms = site.runtime.clock.now_ms()
    for event in events:
        site.live.state.add(seen([event]), now_ms)


async def test_drivers_are_told_with_their_trip_and_no_more_than_asked_for(well: Site) -> None:
    now_ms = well.runtime.clock.now_ms()
    pings = {ping["driver_id"]: ping for ping in of_type("driver.location.updated", 60)}.values()
    first, *others = (moved(ping, now_ms - 2000 - place) for place, ping in enumerate(pings))
    (start,) = of_type("trip.started", 1)
    started = moved(start | {"driver_id": first["driver_id"]}, now_ms - 3000)
    happens(well, first | {"lat": 6.4281234, "lon": -3.5, "speed_kmh": None}, started)
    happens(well, *(ping | {"city": "Ikeja"} for ping in others))
    answer = await well.get("/v1/realtime/drivers", limit="2")
    assert answer["total"] == len(pings)
    assert len(answer["drivers"]) == 2
    told = answer["drivers"][0]
    assert (told["driver_id"], told["trip_id"]) == (first["driver_id"], start["trip_id"])
    assert (told["city"], told["lat"], told["lon"], told["speed_kmh"]) == ("Lagos", 6.4281234, -3.5, None)
    assert told["last_seen"] == first["event_timestamp"]
    assert answer["drivers"][1]["speed_kmh"] == 38.5
    assert (await well.get("/v1/realtime/drivers", city="Ikeja"))["total"] == len(others)
    assert (await well.get("/v1/realtime/drivers", city="Atlantis"))["drivers"] == []


async def test_cities_and_minutes_hold_what_happened_there(well: Site) -> None:
    now_ms = well.runtime.clock.now_ms()
    (booking,) = of_type("booking.created", 1)
    (confirmed,) = of_type("booking.confirmed", 1)
    paid = {"total_price": "4500.00", "currency": "KES", "city": "Ikeja"}
    happens(well, moved(booking, now_ms - 1000), moved(confirmed | paid, now_ms - 130_000))
    (lagos,) = (await well.get("/v1/realtime/cities", city="Lagos", currency="KES"))["cities"]
    (ikeja,) = (await well.get("/v1/realtime/cities", city="Ikeja", currency="KES"))["cities"]
    assert (lagos["bookings_last_hour"], lagos["revenue_last_hour"]) == (1, "0.00")
    assert (ikeja["bookings_last_hour"], ikeja["revenue_last_hour"]) == (0, "4500.00")
    assert len((await well.get("/v1/realtime/cities", limit="1"))["cities"]) == 1
    minutes = (await well.get("/v1/realtime/minutes", city="Ikeja", currency="KES"))["minutes"]
    assert len(minutes) == 60
    assert [minute["revenue"] for minute in minutes if minute["revenue"] != "0.00"] == ["4500.00"]
    assert sum(minute["bookings_created"] for minute in minutes) == 0
    assert minutes[-1]["timestamp"] <= (await well.get("/v1/realtime/minutes"))["timestamp"]


async def test_zones_hold_drivers_and_bookings_of_a_city(well: Site) -> None:
    now_ms = well.runtime.clock.now_ms()
    (booking,) = of_type("booking.created", 1)
    (ping,) = of_type("driver.location.updated", 1)
    here = {"city": "Lagos", "lat": 6.4283, "lon": 3.4215}
    happens(well, moved(booking, now_ms - 1000), moved(ping, now_ms - 1000) | here)
    answer = await well.get("/v1/realtime/zones", city="Lagos", size_km="1")
    (zone,) = answer["zones"]
    assert (answer["total"], answer["size_km"], answer["bookings_without_pickup"]) == (1, 1.0, 0)
    counts = (zone["active_drivers"], zone["free_drivers"], zone["bookings_last_hour"])
    assert counts == (1, 1, 1)
    assert zone["south"] <= 6.4281 < 6.4283 < zone["north"] == pytest.approx(zone["south"] + 1 / 111.2, 0.01)
    assert (await well.get("/v1/realtime/zones", city="Ikeja"))["zones"] == []
    for wrong, status in (("0", 422), ("2000", 422), ("nan", 400), ("wide", 400)):
        problem = await well.get("/v1/realtime/zones", status=status, size_km=wrong)
        assert problem["errors"][0]["parameter"] == "size_km"


async def test_a_live_answer_says_when_figures_may_be_incomplete(well: Site) -> None:
    well.live.problem = "live tables are being read"
    for path in ("drivers", "cities", "zones", "minutes", "active", "anomalies"):
        answer = await well.get(f"/v1/realtime/{path}")
        assert answer["system_health"] == "degraded"
        assert answer["reasons"] == ["live tables are being read"]


async def test_who_is_active_is_told_by_window(well: Site) -> None:
    now_ms = well.runtime.clock.now_ms()
    pings = list({ping["driver_id"]: ping for ping in of_type("driver.location.updated", 60)}.values())[:3]
    happens(well, *(moved(ping, now_ms - 1 - place * 240_000) for place, ping in enumerate(pings)))
    windows = (await well.get("/v1/realtime/active"))["windows"]
    assert [(one["minutes"], one["active_drivers"]) for one in windows] == [(1, 1), (5, 2), (15, 3), (60, 3)]


async def test_a_wrong_limit_is_named(well: Site) -> None:
    problem = await well.get("/v1/realtime/drivers", status=422, limit="10001")
    assert problem["errors"][0]["parameter"] == "limit"


async def test_what_is_unusual_is_told_and_so_is_why_nothing_is_judged(well: Site) -> None:
    assert (await well.get("/v1/realtime/anomalies"))["why_not"] == "the watch has not looked yet"
    well.runtime.clock.advance(1)
    well.live.judgement = unusual(well.runtime.clock.now_ms())
    answer = await well.get("/v1/realtime/anomalies")
    (anomaly,) = answer["anomalies"]
    assert (answer["why_not"], answer["days"]) == (None, 8)
    assert (anomaly["series"], anomaly["direction"], anomaly["observed"]) == ("payments_failed", "high", 30)
    assert anomaly["start"] < answer["levels"][0]["start"] < anomaly["end"] == answer["judged_until"]


def unusual(now_ms: int) -> Judgement:
    """Failed payments in excess, up to now."""
    now_ms -= now_ms % MINUTE_MS
    peak = Score("payments_failed", now_ms - 5 * MINUTE_MS, now_ms, 30, 2.5, 14.2)
    found = Anomaly("payments_failed", "high", now_ms - 9 * MINUTE_MS, now_ms, peak, False)
    return Judgement(now_ms, None, 8, [peak], [found])


async def test_what_came_in_is_told_by_minute_with_its_lateness(well: Site) -> None:
    chance = random.Random(8)
    now_ms = well.runtime.clock.now_ms()
    shift_ms = now_ms - NOW_MS
    came = [
        (moved(event, event_ms(event["event_timestamp"]) + shift_ms), at_ms + shift_ms)
        for event, at_ms in some(200, chance)
    ]
    for row in rows(came, [50], chance):
        well.live.state.add(decoded(row), now_ms)
    minutes = (await well.get("/v1/realtime/ingest"))["minutes"]
    assert (await well.get("/v1/realtime/ingest"))["rejected_last_hour"] is None, "there is no such table"
    assert len(minutes) == 60
    assert sum(one["events"] for one in minutes) == 200
    told = [one for one in minutes if one["events"]]
    assert all(0 < one["late_p50_ms"] <= one["late_p95_ms"] <= one["late_p99_ms"] for one in told)
    well.live.known_since_ms = None
    well.runtime.clock.advance(1)
    quiet = [one for one in (await well.get("/v1/realtime/ingest"))["minutes"] if not one["late_p50_ms"]]
    assert {one["events"] for one in quiet} == {None}


async def test_queue_times_are_told_by_tier_up_to_the_last_per_cent(well: Site) -> None:
    now_ms = well.runtime.clock.now_ms()
    executions = [event for event in some_hours(3, NOW_MS, 900) if "analytics_id" in event]
    happens(well, *(moved(event, now_ms - 1000) for event in executions))
    tiers = (await well.get("/v1/realtime/queue-times"))["tiers"]
    assert [one["tier"] for one in tiers] == [*TIERS]
    for one in tiers:
        waited = [
            event[TIERS[one["tier"]]]
            for event in executions
            if event["schedule_type"] == one["tier"] and TIERS[one["tier"]] in event
        ]
        expected = np.quantile(waited, (0.5, 0.95, 0.99)).tolist()
        assert one["count"] == len(waited)
        assert [one["p50_ms"], one["p95_ms"], one["p99_ms"]] == pytest.approx(expected, rel=0.01)

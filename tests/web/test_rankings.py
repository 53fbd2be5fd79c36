"""Drivers, routes and places: parameters, order, caching, roles."""

from typing import Any

from tests.fixtures.web import Site, fill
from tests.web.test_metrics import RANGE, TEN_MS, event, iso

DAY_MS = 86_400_000
NOWHERE = {"city": None, "state": None}
LEKKI = {"origin_city": "Lekki", "origin_state": "LA"}


def uid(number: int) -> str:
    return f"{number:08d}-2222-4333-8444-555555555555"


def trip(number: int, driver: int, earnings: str, **given: Any) -> dict[str, Any]:
    ids = {"trip_id": uid(number), "driver_id": uid(driver)}
    return event("trip.completed", **ids, driver_earnings=earnings, distance_km=1.005, **given)


async def ask(site: Site, path: str, **parameters: str) -> tuple[str, dict[str, Any]]:
    async with site.client.get(f"/v1/{path}", params={**RANGE, **parameters}) as response:
        return response.headers["X-Cache"], await response.json()


async def test_drivers_come_by_what_is_asked_for_and_ties_by_id(site: Site) -> None:
    await fill(
        site,
        [
            trip(1, 3, "10.00"),
            trip(2, 3, "10.01"),
            trip(3, 2, "30.00"),
            trip(4, 1, "30.00"),
            trip(5, 4, "99.00", currency="USD"),
        ],
    )
    answer = await site.get("/v1/metrics/drivers", **RANGE)
    assert [driver["driver_id"] for driver in answer["drivers"]] == [uid(1), uid(2), uid(3), uid(4)]
    assert answer["drivers"][2] == {
        "driver_id": uid(3),
        "total_trips": 2,
        "total_earnings": "20.01",
        "avg_earnings_per_trip": "10.01",  # 10.005
        "total_distance_km": 2.01,
        "active_days": 1,
    }
    assert answer["drivers"][3]["total_earnings"] == "0.00"  # of nothing in this currency
    wanted = {"p10": "6.00", "p25": "15.01", "p50": "25.01", "p75": "30.00", "p90": "30.00", "p99": "30.00"}
    assert answer["distribution"] == wanted | {"mean": "20.00"}
    most_trips = await site.get("/v1/metrics/drivers", sort="trips", limit="2", **RANGE)
    assert [driver["driver_id"] for driver in most_trips["drivers"]] == [uid(3), uid(1)]
    assert most_trips["distribution"] == answer["distribution"]


async def test_a_route_is_described_as_soon_as_it_is_told_of(site: Site) -> None:
    booked = [event("booking.confirmed", booking_id=uid(number), **NOWHERE) for number in (1, 2)]
    await fill(site, [*booked, event("booking.cancelled", booking_id=uid(1)), event("trip.started")])
    outcome, before = await ask(site, "metrics/routes")
    assert outcome == "miss"
    assert await ask(site, "metrics/routes") == ("hit", before)
    (route,) = before["routes"]
    # Who has confirmed and then cancelled has confirmed.
    assert (route["total_bookings"], route["total_revenue"]) == (2, "9000.00")
    assert {route[name] for name in ("route_name", "driver_id", "seats_total", "avg_occupancy")} == {None}
    seats = sum(one["seats_booked"] for one in booked)
    await fill(site, [event("route.created", TEN_MS + DAY_MS + 1000, seats_total=7)])
    outcome, after = await ask(site, "metrics/routes")
    assert outcome == "miss"
    assert after["routes"][0]["route_name"] == "Lekki - Ikeja"
    assert after["routes"][0]["avg_occupancy"] == round(seats / 7 + 1e-9, 2)


async def test_a_payments_place_is_known_when_its_booking_and_route_are(site: Site) -> None:
    asked = {"metric": "revenue"}
    await fill(site, [event("payment.success", **NOWHERE)])
    nowhere = [{"state": None, "city": None, "value": "4500.00"}]
    assert (await ask(site, "analytics/geographic", **asked))[1]["data_points"] == nowhere
    await fill(site, [event("booking.created", **NOWHERE), event("route.created", **LEKKI)])
    outcome, answer = await ask(site, "analytics/geographic", **asked)
    assert (outcome, answer["data_points"]) == (
        "miss",
        [{"state": "LA", "city": "Lekki", "value": "4500.00"}],
    )
    assert (await ask(site, "analytics/geographic", **asked, city="Ikeja"))[1] == {"data_points": []}
    assert (await ask(site, "analytics/geographic", **asked, currency="USD"))[1] == {"data_points": []}
    bookings = await site.get("/v1/analytics/geographic", **RANGE)
    assert bookings["data_points"] == [{"state": "LA", "city": "Lekki", "value": 1}]
    users = await site.get("/v1/analytics/geographic", metric="users", **RANGE)
    assert sum(point["value"] for point in users["data_points"]) >= 2


async def test_nothing_is_zeros_and_empty_lists(site: Site) -> None:
    empty = {"start_date": iso(TEN_MS - 9 * DAY_MS), "end_date": iso(TEN_MS - 8 * DAY_MS)}
    shares = ("p10", "p25", "p50", "p75", "p90", "p99", "mean")
    drivers = await site.get("/v1/metrics/drivers", **empty)
    assert drivers == {"drivers": [], "distribution": dict.fromkeys(shares, "0.00")}
    assert await site.get("/v1/metrics/routes", **empty) == {"routes": []}
    for metric in ("bookings", "revenue", "users"):
        assert await site.get("/v1/analytics/geographic", metric=metric, **empty) == {"data_points": []}


async def test_what_cannot_be_answered_is_named(bare_site: Site) -> None:
    for path, name, value, status in (
        ("metrics/drivers", "limit", "0", 422),
        ("metrics/drivers", "limit", "1001", 422),
        ("metrics/drivers", "limit", "ten", 400),
        ("metrics/drivers", "sort", "distance", 422),
        ("metrics/routes", "limit", "501", 422),
        ("metrics/routes", "sort", "trips", 400),
        ("analytics/geographic", "metric", "trips", 422),
        ("analytics/geographic", "granularity", "daily", 400),
    ):
        problem = await bare_site.get(f"/v1/{path}", status, **{name: value})
        assert [fault["parameter"] for fault in problem["errors"]] == [name]

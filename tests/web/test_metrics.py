"""The four metrics endpoints: figures, parameters, caching."""

import uuid
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from openride_stream.clock import SystemClock, utc_from_ms
from openride_stream.events.example import example
from tests.fixtures.web import Site, StartSite, fill

DAY_MS = 86_400_000
# Yesterday at ten: recent enough for every retention, and never in the future.
TEN_MS = (SystemClock().now_ms() // DAY_MS - 1) * DAY_MS + 10 * 3_600_000

FIRST_FIGURES = {"users": "dau", "bookings": "bookings_created", "payments": "payments_initiated"}
FIRST_FIGURES["trips"] = "trips_started"
# How many buckets two days from ten in the morning touch, wherever weeks and months begin.
BUCKETS = {"hourly": (48,), "daily": (3,), "weekly": (1, 2), "monthly": (1, 2)}


def iso(ms: int) -> str:
    return utc_from_ms(ms).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(name: str, at_ms: int = TEN_MS, **given: Any) -> dict[str, Any]:
    made = example(name) | {"event_timestamp": iso(at_ms)} | given
    if "event_id" not in given:
        made["event_id"] = str(uuid.uuid4())
    return made


RANGE = {"start_date": iso(TEN_MS - DAY_MS), "end_date": iso(TEN_MS + DAY_MS)}


async def test_figures_of_what_was_stored(site: Site) -> None:
    names = (
        "user.registered",
        "booking.created",
        "booking.confirmed",
        "payment.initiated",
        "payment.success",
    )
    await fill(site, [event(name) for name in (*names, "trip.started", "trip.completed")])
    users = await site.get("/v1/metrics/users", **RANGE)
    assert (users["new_registrations"], users["total_users"], users["dau"]) == (1, 1, 2)
    bookings = await site.get("/v1/metrics/bookings", **RANGE)
    assert (bookings["bookings_created"], bookings["conversion_rate"]) == (1, 100.0)
    payments = await site.get("/v1/metrics/payments", **RANGE)
    assert payments["net_revenue"] == payments["total_revenue"] == "4500.00"
    assert payments["by_method"] == [
        {"payment_method": "card", "payments_success": 1, "total_revenue": "4500.00"}
    ]
    trips = await site.get("/v1/metrics/trips", **RANGE)
    assert (trips["trips_started"], trips["trips_completed"], trips["active_drivers"]) == (1, 1, 1)


async def test_the_range_takes_its_start_and_leaves_its_end(site: Site) -> None:
    await fill(site, [event("booking.created")])
    ten, later, before = iso(TEN_MS), iso(TEN_MS + 1000), iso(TEN_MS - 1000)
    included = await site.get("/v1/metrics/bookings", start_date=ten, end_date=later)
    excluded = await site.get("/v1/metrics/bookings", start_date=before, end_date=ten)
    assert (included["bookings_created"], excluded["bookings_created"]) == (1, 0)


async def test_without_dates_the_last_thirty_days_up_to_now_are_answered(site: Site) -> None:
    now_ms = site.runtime.clock.now_ms()
    inside, outside = event("booking.created", now_ms - 1000), now_ms - 31 * DAY_MS
    other = "11111111-2222-4333-8444-555555555555"
    await fill(site, [inside, event("booking.created", outside, booking_id=other)])
    answer = await site.get("/v1/metrics/bookings", granularity="daily")
    assert answer["bookings_created"] == 1
    assert len(answer["time_series"]) in (31, 32)


async def test_a_granularity_adds_the_first_figure_as_a_series(site: Site) -> None:
    await fill(site, [event("booking.created"), event("payment.initiated"), event("trip.started")])
    start = datetime.fromisoformat(RANGE["start_date"])
    for name, (granularity, buckets) in product(FIRST_FIGURES, BUCKETS.items()):
        answer = await site.get(f"/v1/metrics/{name}", granularity=granularity, **RANGE)
        series = answer["time_series"]
        assert max(point["value"] for point in series) == max(1, answer[FIRST_FIGURES[name]])
        moments = [datetime.fromisoformat(point["timestamp"]) for point in series]
        assert moments == sorted(set(moments))
        assert len(moments) in buckets
        assert start - timedelta(days=31) < moments[0] <= start


async def test_place_and_currency_narrow_the_answer(site: Site) -> None:
    lagos = event("booking.confirmed", city="Lagos", state="LA")
    # Text that would end a literal, a parameter or a statement reaches the store as text.
    odd = "O'Hara\\ {x} \t; DROP--é🚕"
    long = "x" * 5000
    other = "11111111-2222-4333-8444-555555555555"
    ids = {odd: other, long: "21111111-2222-4333-8444-555555555555"}
    elsewhere = [
        event("booking.confirmed", city=city, booking_id=ids[city], currency="USD") for city in (odd, long)
    ]
    await fill(site, [lagos, *elsewhere])
    for parameters, confirmed, value in (
        ({"city": "Lagos"}, 1, "4500.00"),
        ({"state": "LA"}, 1, "4500.00"),
        ({"city": odd}, 1, "0.00"),
        ({"city": odd, "currency": "USD"}, 1, "4500.00"),
        ({"city": "lagos"}, 0, "0.00"),
        ({"city": long}, 1, "0.00"),
        ({}, 3, "4500.00"),
    ):
        answer = await site.get("/v1/metrics/bookings", **RANGE, **parameters)
        assert (answer["bookings_confirmed"], answer["total_booking_value"]) == (confirmed, value)


async def ask(site: Site, name: str, **parameters: str) -> tuple[str, dict[str, Any]]:
    async with site.client.get(f"/v1/metrics/{name}", params={**RANGE, **parameters}) as response:
        return response.headers["X-Cache"], await response.json()


async def test_an_answer_is_kept_until_something_that_it_hangs_on_is_stored(site: Site) -> None:
    for name, stored, figure in (
        ("users", "user.activity", "mau"),
        ("bookings", "booking.created", "bookings_created"),
        ("payments", "payment.initiated", "payments_initiated"),
        ("trips", "trip.started", "trips_started"),
    ):
        outcome, before = await ask(site, name)
        assert outcome == "miss"
        assert await ask(site, name) == ("hit", before)
        await fill(site, [event(stored)])
        outcome, after = await ask(site, name)
        assert (outcome, after[figure]) == ("miss", before[figure] + 1)


async def test_a_late_route_changes_a_placed_answer_that_was_kept(site: Site) -> None:
    await fill(site, [event("booking.created", city=None, state=None)])
    assert (await ask(site, "bookings", city="Lekki"))[1]["bookings_created"] == 0
    await fill(site, [event("route.created", origin_city="Lekki")])
    outcome, answer = await ask(site, "bookings", city="Lekki")
    assert (outcome, answer["bookings_created"]) == ("miss", 1)


@pytest.mark.parametrize(("name", "figure"), [("users", "dau"), ("payments", "payments_initiated")])
async def test_a_booking_and_a_route_of_after_the_end_change_a_placed_answer_that_was_kept(
    site: Site, name: str, figure: str
) -> None:
    before_ms, after_ms = TEN_MS - 2 * DAY_MS, TEN_MS
    asked = {"city": "Lekki", "start_date": iso(TEN_MS - 3 * DAY_MS), "end_date": iso(TEN_MS - DAY_MS)}
    nowhere = {"city": None, "state": None}
    await fill(site, [event("payment.initiated", before_ms, **nowhere)])
    assert (await ask(site, name, **asked))[1][figure] == 0
    await fill(site, [event("route.created", after_ms, origin_city="Lekki", **nowhere)])
    outcome, answer = await ask(site, name, **asked)
    assert (outcome, answer[figure]) == ("miss", 0)
    await fill(site, [event("booking.created", after_ms, **nowhere)])
    outcome, answer = await ask(site, name, **asked)
    assert (outcome, answer[figure]) == ("miss", 1)


async def test_a_route_without_an_identity_gives_its_place_to_nothing(site: Site) -> None:
    nil, nowhere = "00000000-0000-0000-0000-000000000000", {"city": None, "state": None}
    names = ("user.activity", "payment.initiated", "driver.location.updated")
    unplaced = [event(name, **nowhere) for name in names]
    with_nil = [
        event("booking.created", route_id=nil, **nowhere),
        event("trip.started", route_id=nil, **nowhere),
    ]
    origin = {"origin_city": "Lekki", "origin_state": "LA"}
    await fill(site, [event("route.created", route_id=nil, **origin, **nowhere), *unplaced, *with_nil])
    for place in ({"city": "Lekki"}, {"state": "LA"}):
        for name, figure in FIRST_FIGURES.items():
            answer = await site.get(f"/v1/metrics/{name}", **RANGE, **place)
            assert answer["mau" if name == "users" else figure] == 0, name


async def test_a_question_is_never_answered_with_another_ones_answer(site: Site) -> None:
    await fill(site, [event("booking.confirmed", city="Lagos")])
    everywhere = await ask(site, "bookings")
    for other in ({"city": "Kano"}, {"currency": "USD"}, {"granularity": "daily"}):
        outcome, answer = await ask(site, "bookings", **other)
        assert outcome == "miss"
        assert answer != everywhere[1]


async def test_a_worker_that_is_starting_says_so(start_site: StartSite, bare_site: Site) -> None:
    site = await start_site(bare_site.runtime.store, running=False)
    async with site.client.get("/v1/metrics/trips") as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0

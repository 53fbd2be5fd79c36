"""Both clients on the real web application: what is asked gets there, what is answered has its types."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
import pytest_asyncio

from openride_stream.client import AsyncOpenRide, OpenRide
from openride_stream.client.call import text_of
from openride_stream.clock import utc_from_ms
from tests.client.test_agreement import CALLS, DESKS, called, needed
from tests.fixtures.served import TEN_MS, Served

TEN = utc_from_ms(TEN_MS)


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[OpenRide]:
    with OpenRide(served.url, served.tokens["admin"]) as opened:
        yield opened


@pytest_asyncio.fixture
async def aclient(served: Served) -> AsyncIterator[AsyncOpenRide]:
    async with AsyncOpenRide(served.url, served.tokens["admin"]) as opened:
        yield opened


def test_money_is_exact_and_times_are_in_utc(client: OpenRide) -> None:
    payments = client.payments(granularity="daily", city="Manhattan")
    assert payments.total_revenue == Decimal("4500.00")
    assert str(payments.by_method[0].total_revenue) == "4500.00"
    assert payments.time_series is not None
    assert payments.time_series[-1].timestamp.tzinfo is UTC
    driver = client.drivers(limit=1, sort="trips").drivers[0]
    assert isinstance(driver.driver_id, UUID)
    assert isinstance(driver.total_earnings, Decimal)
    assert client.geographic(metric="revenue").data_points[0].value == Decimal("4500.00")
    (place,) = client.geographic(metric="bookings").data_points
    assert (place.state, place.city, place.value) == ("NY", "Manhattan", 1)
    assert type(place.value) is int
    assert any(point.value == Decimal("4500.00") for point in client.trends(metric="revenue").data_points)
    assert client.realtime().timestamp.tzinfo is UTC
    assert client.cohort(cohort_type="daily", periods=3).cohorts[1].cohort_period == TEN.date()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (TEN.date(), TEN.date() + timedelta(days=1)),
        (TEN.date().isoformat(), f"{TEN.date()}T23:59:59.999+00:00"),
        (TEN.replace(hour=0), TEN.replace(tzinfo=None) + timedelta(hours=1)),
        (TEN.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00+05:30").tzinfo), None),
    ],
)
def test_a_range_is_told_in_dates_datetimes_or_text(
    client: OpenRide, start: datetime | date | str, end: datetime | date | str | None
) -> None:
    assert client.users(start_date=start, end_date=end).new_registrations == 1
    assert client.users(start_date=TEN + timedelta(seconds=1)).new_registrations == 0


def test_filters_get_there(client: OpenRide) -> None:
    assert client.bookings(city="Manhattan", state="NY").bookings_created == 1
    assert client.bookings(city="Nowhere & else").bookings_created == 0
    assert client.trips(currency="USD").total_driver_earnings == 0
    assert client.funnel(window_days=1).overall_conversion_rate == 100.0
    assert client.retention(user_type="driver").d1.users == 0
    assert client.routes(limit=5).routes[0].route_name == "Lekki - Ikeja"
    page = client.dead_letters(topic="openride.events.user", error="InvalidField", limit=1, offset=0)
    assert (page.total, page.dead_letters[0].message) == (1, "role: wrong")
    assert client.dead_letters(offset=1).dead_letters == []
    assert client.workers().consumer_group == "openride-stream"


async def test_what_stands_beside_an_answer_comes_with_it(client: OpenRide, aclient: AsyncOpenRide) -> None:
    (note,) = client.trips(city="Manhatten").notes
    assert note.kind == "unknown-place"
    assert (await aclient.trips(city="Manhatten")).notes == (note,)
    assert client.trips(city="Manhattan").notes == client.health().notes == ()


def test_a_worker_that_is_not_ready_is_an_answer(client: OpenRide, served: Served) -> None:
    assert client.health_live().status == "alive"
    assert client.health().checks["store"]
    served.site.group.problem = "partitions are being settled"
    try:
        assert client.health_ready().reasons == ["partitions are being settled"]
        assert client.health().status == "not_ready"
    finally:
        served.site.group.problem = None
    assert client.health_ready().status == "ready"


async def test_what_one_answers_the_other_does(client: OpenRide, aclient: AsyncOpenRide) -> None:
    plain = {name for name in CALLS if not called(CALLS[name]).path.startswith(DESKS)}
    for name in plain - {"stream_realtime", "realtime"}:
        given = needed(CALLS[name])
        assert await getattr(aclient, name)(**given) == getattr(client, name)(**given), name
    assert (await aclient.realtime(currency="KES")).revenue_last_hour == 0


def test_an_answer_cannot_be_changed_and_a_keyword_cannot_be_misspelled(client: OpenRide) -> None:
    with pytest.raises(ValueError, match="frozen"):
        client.health_live().status = "dead"  # type: ignore[assignment]
    with pytest.raises(TypeError, match="town"):
        client.users(town="Lagos")  # type: ignore[call-arg]


def test_numbers_and_moments_as_text() -> None:
    assert text_of(7) == "7"
    assert text_of(date(2026, 1, 31)) == "2026-01-31"
    assert text_of(datetime(2026, 1, 31, 8, tzinfo=UTC)) == "2026-01-31T08:00:00+00:00"

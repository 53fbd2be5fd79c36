"""`GET /v1/metrics/realtime`: figures of the live tables, and how the system as a whole is doing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from openride_stream.errors import MetadataUnavailable
from openride_stream.events.topics import TOPICS
from openride_stream.metadata.workers import Holding, LiveWorker, Seat
from openride_stream.settings import Settings
from tests.fixtures.web import Site
from tests.tables.rides import moved, some_hours
from tests.tables.test_realtime import seen

PATH = "/v1/metrics/realtime"


def worker(site: Site, name: str = "one:1", *, lag: int = 0, rate: float = 0.0) -> LiveWorker:
    """A worker that holds every partition, each `lag` records behind and storing `rate` a second."""
    return holder(site.settings, name, lag=lag, rate=rate)


def holder(settings: Settings, name: str = "one:1", *, lag: int = 0, rate: float = 0.0) -> LiveWorker:
    """The same where there is no site."""
    holdings = [
        Holding(topic.name, number, 1, lag, rate)
        for topic in TOPICS
        for number in range(settings.topic_partitions)
    ]
    seat = Seat(name, "http://127.0.0.1:1", "0.1.0", datetime.now(UTC), None, holdings)
    return LiveWorker(seat, 0.5)


@pytest.fixture
def well(bare_site: Site) -> Site:
    bare_site.runtime.workers.now = [worker(bare_site)]
    return bare_site


async def test_the_figures_and_what_they_are_of(well: Site) -> None:
    now_ms = well.runtime.clock.now_ms()
    events = [moved(event, now_ms - 1000) for event in some_hours(9, now_ms, 400) if "event_id" in event]
    for event in events:
        well.live.state.add(seen([event]), now_ms)
    answer = await well.get(PATH)
    assert answer["bookings_last_hour"] == len(
        {event["booking_id"] for event in events if event["event_type"] == "booking.created"}
    )
    assert answer["active_drivers"] == len({event["driver_id"] for event in events if "driver_id" in event})
    assert answer["events_per_second"] == round(len(events) / 60, 2)
    assert answer["timestamp"].endswith("Z")
    assert answer["as_of"] == "1970-01-01T00:00:00.000Z"
    assert (answer["system_health"], answer["reasons"], answer["consumer_lag"]) == ("healthy", [], 0)
    other = await well.get(PATH, currency="KES")
    assert await well.get(PATH) == answer, "many may watch: it is good for a quarter of a second"
    assert answer["revenue_last_hour"] != other["revenue_last_hour"]
    assert set(answer["queue_times"]) == {"mongo_periodic", "clickhouse_delayed", "redis_immediate"}


async def test_nothing_seen_is_zero(well: Site) -> None:
    answer = await well.get(PATH)
    assert answer["active_users"] == answer["avg_wait_time_minutes"] == answer["events_per_second"] == 0
    assert answer["revenue_last_hour"] == "0.00"
    assert answer["queue_times"]["redis_immediate"] == {"count": 0, "p50_ms": 0, "p95_ms": 0}


async def test_a_wrong_parameter_is_named(well: Site) -> None:
    problem = await well.get(PATH, status=400, currency="naira")
    assert problem["errors"][0]["parameter"] == "currency"


async def test_whatever_may_make_figures_incomplete_degrades_and_says_so(well: Site) -> None:
    fine = worker(well)

    async def reasons(*workers: LiveWorker) -> str:
        well.runtime.workers.now = list(workers)
        well.runtime.clock.advance(1)
        answer = await well.get(PATH)
        assert answer["system_health"] == "degraded"
        return " | ".join(answer["reasons"])

    assert "no worker reads openride.events.user[0]" in await reasons()
    assert "one:1 has not reported for 3 s" in await reasons(replace(fine, seen_s_ago=3.01))
    waiting = replace(fine, seat=replace(fine.seat, trouble="partitions are being assigned"))
    assert "one:1: partitions are being assigned" in await reasons(waiting)
    assert "records wait" in await reasons(worker(well, lag=100))
    well.live.problem = "live tables are being read"
    assert await reasons(fine) == "live tables are being read"
    well.live.problem = None
    well.runtime.paused.append("openride.events.trip[1] is paused")
    assert await reasons(fine) == "openride.events.trip[1] is paused"


async def test_what_is_stored_within_seconds_is_no_backlog(well: Site) -> None:
    well.runtime.workers.now = [worker(well, lag=100, rate=25.0)]
    assert (await well.get(PATH))["system_health"] == "healthy"


async def test_without_broker_or_store_it_is_critical(well: Site) -> None:
    well.runtime.contact.trouble = "Kafka does not answer"
    well.runtime.sink.available, well.runtime.sink.last_error = False, "refused"
    answer = await well.get(PATH)
    assert answer["system_health"] == "critical"
    assert answer["reasons"] == ["Kafka does not answer", "ClickHouse takes no rows: refused"]


@pytest.mark.parametrize(
    ("writing_s", "health", "reasons"),
    [(2.5, "healthy", []), (17.4, "critical", ["ClickHouse has taken no rows for 17 s"])],
)
async def test_a_store_that_has_frozen_is_no_healthy_system(
    well: Site, writing_s: float, health: str, reasons: list[str]
) -> None:
    well.runtime.sink.writing_s = writing_s
    answer = await well.get(PATH)
    assert (answer["system_health"], answer["reasons"]) == (health, reasons)


async def test_without_the_metadata_store_it_answers_for_what_it_knows(
    well: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> list[LiveWorker]:
        raise MetadataUnavailable("away")

    monkeypatch.setattr(well.runtime.workers, "alive", away)
    well.group.now = replace(well.group.now, lag_records={("openride.events.trip", 0): 7})
    answer = await well.get(PATH)
    assert (answer["system_health"], answer["consumer_lag"]) == ("degraded", 7)
    assert answer["reasons"] == ["other workers are not known of: away"]

"""The realtime answer equals the reference's at every moment, whoever read what, how often, in what order."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.events.accept import accept
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.records import RecordBatch
from tables.changes import decoded, encoded
from tables.sightings import sightings
from tables.state import LiveState
from tests.events.batches import POLICY, FakeRecord, topic_of
from tests.exactness.profiles import DEEP, drawn
from tests.exactness.records import written
from tests.exactness.stories import BOOKINGS, DAY_MS, HOUR_MS, PEOPLE, ROUTES, TRIPS, amounts, ms_of, uid
from tests.fixtures.clock import ManualClock
from tests.fixtures.store import settings_for
from tests.fixtures.web import Site, open_site
from tests.reference.realtime import TIERS, realtime

EXAMPLES = 60
LIVE_HOURS, LIVE_MS, MINUTE_MS = 6, 6 * HOUR_MS, 60_000
FIRST_NOW_MS = ms_of("2025-10-26T01:00")
PATH = "/v1/metrics/realtime"
TYPES = (
    *("user.activity", "booking.created", "booking.confirmed", "booking.cancelled", "payment.success"),
    *("trip.started", "trip.completed", "trip.cancelled", "route.updated", "driver.location.updated"),
    *("booking.created", "booking.confirmed", "trip.started", "schedule", "schedule"),
)
TOPIC_OF_TIER = {
    "mongo_periodic": "openride.schedules.mongo",
    "clickhouse_delayed": "openride.schedules.clickhouse",
    "redis_immediate": "openride.schedules.redis",
}
# How long before the clock: at the edges of the windows, beside them, between them; and ahead of it.
_windows = st.sampled_from(
    (0, 0, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, LIVE_MS, LIVE_MS + HOUR_MS, -9 * MINUTE_MS)
)
_beside = st.sampled_from((0, 1, -1, 300, 900, 27_000, 4 * MINUTE_MS))
# Until when the clock goes on; answers are kept for a quarter of a second.
LATER_MS = (0, 1000, 45_000, 10 * MINUTE_MS, 70 * MINUTE_MS, 5 * HOUR_MS, 9 * HOUR_MS)
_prices = st.sampled_from(("0.00", "10.01", 7.5, 12, "99999999999.99"))
_currencies = st.sampled_from(({}, {"currency": None}, {"currency": "NGN"}, {"currency": "KES"}))
_strange = st.sampled_from(({}, {}, {"driver_id": PEOPLE[0]}, {"rider_id": PEOPLE[1]}))

Event = dict[str, Any]


@st.composite
def events(draw: st.DrawFn, number: int, now_ms: int) -> Event:
    """An event of a few people and trips, or a schedule execution, near the edge of some window."""
    name = draw(st.sampled_from(TYPES))
    at_ms = now_ms - draw(_windows) - draw(_beside)
    moment, identity = written(at_ms, 0, "Z", ""), uid(9, number)
    if name == "schedule":
        tier, field = draw(st.sampled_from(tuple(TIERS.items())))
        waited = {field: draw(st.sampled_from((0, 1, 100, 2_000)))} if draw(st.integers(0, 4)) else {}
        kept = {key: value for key, value in example(EXECUTION_NAME).items() if not key.startswith("time_in")}
        given = {"schedule_type": tier, "analytics_id": identity, "started_processing_at": moment}
        return kept | waited | given
    usual = example(name)
    if usual.pop("currency", None):
        usual |= draw(_currencies)
    place = draw(st.integers(0, len(TRIPS) - 1))  # a trip is of one booking
    people = {key: draw(st.sampled_from(PEOPLE)) for key in ("user_id", "rider_id", "driver_id")}
    ids = {**people, "booking_id": BOOKINGS[place], "trip_id": TRIPS[place], "route_id": ROUTES[0]}
    figures = {"total_price": draw(_prices), "duration_minutes": draw(amounts)}
    known = {key: value for key, value in (ids | figures).items() if key in usual}
    return draw(_strange) | usual | known | {"event_id": identity, "event_timestamp": moment}


@st.composite
def coming_in(draw: st.DrawFn, first_ms: int) -> list[list[Event]]:
    """What is read at each step of the clock: all at the first, or later than it happened, by hours even."""
    waves: list[list[Event]] = [[] for _ in LATER_MS]
    late = draw(st.booleans())
    for number in range(draw(st.integers(1, 40))):
        happened = draw(st.sampled_from(range(len(LATER_MS)))) if late else 0
        read = draw(st.sampled_from(range(happened, len(LATER_MS)))) if late else 0
        waves[read].append(draw(events(number, first_ms + LATER_MS[happened])))
    return waves


def changelog(sent: Sequence[Event], now_ms: int, disorder: int) -> list[bytes]:
    """What two workers write who each read everything, in batches of any size, in orders of their own."""
    dice = random.Random(disorder)
    by_topic: dict[str, list[Event]] = {}
    for event in sent:
        topic = TOPIC_OF_TIER.get(event.get("schedule_type", "")) or topic_of(event["event_type"])
        by_topic.setdefault(topic, []).append(event)
    rows = []
    for topic, ordered in (*by_topic.items(), *by_topic.items()):
        left = [*ordered]
        if disorder:
            dice.shuffle(left)
        while left:
            size = dice.choice((1, 3, 50))
            batch, left = left[:size], left[size:]
            records = [FakeRecord(json.dumps(event).encode(), at, now_ms) for at, event in enumerate(batch)]
            accepted = accept(RecordBatch(topic, 0, records), POLICY, now_ms, least_records=2)
            assert [(reject.error, reject.message) for reject in accepted.rejects] == []
            if added := sightings(topic, accepted, now_ms, LIVE_MS):
                rows.append(encoded(added))
    if disorder:
        dice.shuffle(rows)
    return rows


def as_given(expected: dict[str, Any]) -> dict[str, Any]:
    """The answer that is expected: to the last place, but for quantiles, which may be off by 1 %."""
    queues = {
        tier: {
            name: value if name == "count" else pytest.approx(value, rel=0.01, abs=0.01)
            for name, value in queue.items()
        }
        for tier, queue in expected["queue_times"].items()
    }
    return {**expected, "queue_times": queues}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[asyncio.Runner, Site]]:
    """The web layer alone: realtime figures need no store."""
    with asyncio.Runner() as runner:
        settings = settings_for("http://127.0.0.1:1")

        async def opening() -> tuple[ClickHouse, Any]:
            store = ClickHouse.open(settings)
            return store, open_site(settings, store, ManualClock())

        store, site = runner.run(opening())
        yield runner, runner.run(site.__aenter__())
        runner.run(site.__aexit__(None, None, None))
        runner.run(store.close())


@pytest.mark.timeout(0 if DEEP else 240)
def test_it_is_that_of_the_distinct_events(server: tuple[asyncio.Runner, Site]) -> None:
    runner, site = server
    clock, examples, cases = site.runtime.clock, count(), Counter[str]()
    nothing = realtime([], 0, "NGN", LIVE_HOURS)

    @drawn(EXAMPLES)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        # Answers are kept for a moment: the clock never goes back.
        first_ms = FIRST_NOW_MS + next(examples) * DAY_MS
        waves = data.draw(coming_in(first_ms))
        disorder = data.draw(st.integers(0, 999))
        note("\n".join(f"{step}: {json.dumps(event)}" for step, wave in enumerate(waves) for event in wave))
        site.live.state, sent = LiveState(LIVE_MS), []
        for later_ms, wave in zip(LATER_MS, waves, strict=True):
            clock.ms = first_ms + later_ms
            for place, row in enumerate(changelog(wave, clock.ms, disorder)):
                site.live.state.add(decoded(row), clock.ms)
                if place % 7 == 0:
                    site.live.state.settle(clock.ms)
            sent += wave
            for currency in ("NGN", "KES"):
                answer = runner.run(site.get(PATH, currency=currency))
                expected = realtime(sent, clock.ms, currency, LIVE_HOURS)
                given_figures = {name: answer[name] for name in expected}
                assert given_figures == as_given(expected), (later_ms, currency)
                cases.update(name for name, value in expected.items() if value not in nothing.values())

    check()
    assert cases.keys() == nothing.keys(), "each figure is other than 0 now and then"

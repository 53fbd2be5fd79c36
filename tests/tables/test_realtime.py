"""The realtime figures, whoever saw what, in whatever order and however often."""

import gc
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import orjson
import pytest

from openride_stream.clock import SystemClock
from openride_stream.events.accept import Accepted, accept
from openride_stream.events.columnar.scan import load
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import TOPIC_OF
from openride_stream.events.topics import TOPICS
from tables.changes import decoded, encoded
from tables.realtime import figures
from tables.series import BOOKINGS, EVENTS, HOUR_MS
from tables.sightings import Sightings, sightings
from tables.state import LiveState
from tables.wait_sketch import ERROR
from tests.events.batches import POLICY, FakeRecord
from tests.reference.realtime import realtime
from tests.tables.rides import Event, moved, some_hours

LIVE_HOURS = 6
LIVE_MS = LIVE_HOURS * HOUR_MS
TOPIC_OF_TIER = {topic.tier: topic.name for topic in TOPICS}
NOW_MS = SystemClock().now_ms()


def topic_of(event: Event) -> str:
    tier = event.get("schedule_type")
    return TOPIC_OF_TIER[tier] if tier else TOPIC_OF[event["event_type"]].name


def seen(events: Sequence[Event], now_ms: int = NOW_MS) -> Sightings:
    """What a worker sees that reads `events`, all of one topic, as one batch."""
    topic = topic_of(events[0])
    records = [FakeRecord(orjson.dumps(event), place, now_ms) for place, event in enumerate(events)]
    found = accepted(topic, records, now_ms)
    assert not found.rejects
    return sightings(topic, found, now_ms, LIVE_MS)


def accepted(topic: str, records: Sequence[FakeRecord], now_ms: int = NOW_MS) -> Accepted:
    """As columns wherever that can be done."""
    load()
    return accept(RecordBatch(topic, 0, records), POLICY, now_ms, least_records=2)


def of_type(event_type: str, count: int, seed: int = 1) -> list[Event]:
    events = some_hours(seed, NOW_MS, count * 30)
    return [event for event in events if event["event_type"] == event_type][:count]


def changelog(events: Iterable[Event], rng: random.Random, now_ms: int = NOW_MS) -> list[bytes]:
    """What workers write who read `events` in batches of any size, everything twice."""
    by_topic: dict[str, list[Event]] = {}
    for event in events:
        by_topic.setdefault(topic_of(event), []).append(event)
    written = []
    for ordered in by_topic.values():
        for _ in range(2):
            rng.shuffle(ordered)
            start = 0
            while start < len(ordered):
                size = rng.choice([1, 7, 150])
                if added := seen(ordered[start : start + size], now_ms):
                    written.append(encoded(added))
                start += size
    rng.shuffle(written)
    return written


def flat(nested: dict[str, Any], path: str = "") -> dict[str, Any]:
    flattened: dict[str, Any] = {}
    for name, value in nested.items():
        flattened |= flat(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return flattened


def as_given(expected: dict[str, Any]) -> dict[str, Any]:
    """The answer that is expected: quantiles of queue times within a sketch's error."""
    return {
        name: pytest.approx(value, rel=ERROR if name.endswith("_ms") else 0, abs=0.0051)
        if isinstance(value, int | float)
        else value
        for name, value in flat(expected).items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_figures_are_those_of_the_distinct_events(seed: int) -> None:
    events = some_hours(seed, NOW_MS)
    state = LiveState(LIVE_MS)
    for place, row in enumerate(changelog(events, random.Random(seed))):
        state.add(decoded(row), NOW_MS)
        if place % 50 == 0:
            state.settle(NOW_MS)
    # The clock goes on: windows move with it, and come to what lay ahead.
    for later_ms in (0, 1, 45_000, 10 * 60_000, 70 * 60_000, 5 * HOUR_MS, 9 * HOUR_MS):
        for currency in ("NGN", "KES"):
            answer = asdict(figures(state, NOW_MS + later_ms, currency))
            expected = realtime(events, NOW_MS + later_ms, currency, LIVE_HOURS)
            assert flat(answer) == as_given(expected), later_ms
    assert set(state.sizes().values()) == {0}, "everything is forgotten in the end"


def test_an_event_counts_from_its_moment_on_and_leaves_its_window_to_the_millisecond() -> None:
    at_ms = NOW_MS + 60_000
    (booking,) = of_type("booking.created", 1)
    state = LiveState(LIVE_MS)
    state.add(seen([moved(booking, at_ms)]), NOW_MS)

    def bookings(now_ms: int) -> int:
        return figures(state, now_ms, "NGN").bookings_last_hour

    assert [bookings(ms) for ms in (NOW_MS, at_ms - 1, at_ms)] == [0, 0, 1]
    assert [bookings(at_ms + HOUR_MS - 1), bookings(at_ms + HOUR_MS)] == [1, 0]
    assert state.sizes()[BOOKINGS.name] == 1, "its trip may still start"


@pytest.mark.parametrize(("waited_ms", "minutes"), [(300, 0.01), (899, 0.01), (900, 0.02), (8_100, 0.14)])
def test_half_a_hundredth_of_a_minute_waited_is_rounded_up(waited_ms: int, minutes: float) -> None:
    (booking,), (start,) = of_type("booking.created", 1), of_type("trip.started", 1)
    state = LiveState(LIVE_MS)
    state.add(seen([moved(booking, NOW_MS - 60_000)]), NOW_MS)
    state.add(
        seen([moved(start | {"booking_id": booking["booking_id"]}, NOW_MS - 60_000 + waited_ms)]), NOW_MS
    )
    assert figures(state, NOW_MS, "NGN").avg_wait_time_minutes == minutes


def test_someone_seen_now_and_ahead_of_the_clock_is_active_now() -> None:
    (ping,) = of_type("driver.location.updated", 1)
    later = ping | {"event_id": "8a1f6a0e-3d1c-4f1e-9f43-0b6f6f0f3c99"}
    state = LiveState(LIVE_MS)
    state.add(seen([moved(ping, NOW_MS - 1000)]), NOW_MS)
    state.add(seen([moved(later, NOW_MS + 600_000)]), NOW_MS)
    assert figures(state, NOW_MS, "NGN").active_drivers == 1


def test_large_batches_are_sampled_and_the_rate_stays_right() -> None:
    pings = [moved(ping, NOW_MS - 30_000) for ping in of_type("driver.location.updated", 4000)]
    state = LiveState(LIVE_MS)
    # One half is read as one large batch, the other as middling ones, and some of both once more.
    middling = [pings[start : start + 900] for start in range(2000, 4000, 900)]
    for batch in (pings[:2000], *middling, pings[1000:2099]):
        state.add(seen(batch), NOW_MS)
    rate = figures(state, NOW_MS, "NGN").events_per_second
    assert state.sizes()[EVENTS.name] < 2000
    assert rate == pytest.approx(4000 / 60, rel=0.15)


def test_history_adds_nothing() -> None:
    for event in some_hours(4, NOW_MS, 100):
        assert seen([moved(event, NOW_MS - 8 * HOUR_MS)]) == {}


def test_a_row_of_another_version_is_skipped_and_garbage_is_named() -> None:
    row = encoded(seen([moved(of_type("trip.started", 1)[0], NOW_MS)]))
    assert decoded(row)
    assert decoded(b"\x02" + row[1:]) == {}
    for broken in (b"", b"\x01", row[:-3], row[:10] + b"\xff" + row[11:]):
        with pytest.raises(ValueError, match="not a row of live tables"):
            decoded(broken)


def test_a_worker_that_reads_later_knows_the_same() -> None:
    """Of facts that age out at different times none decides by being there when another came."""
    (booking,) = of_type("booking.confirmed", 1)
    rows = [seen([moved(booking, NOW_MS - minutes * 60_000)]) for minutes in (59, 30)]
    later_ms = NOW_MS + 2 * 60_000
    early, late = LiveState(LIVE_MS), LiveState(LIVE_MS)
    for row in rows:
        early.add(row, NOW_MS)
    early.settle(NOW_MS)
    for row in reversed(rows):
        late.add(row, later_ms)
    currency = booking["currency"]
    assert figures(early, later_ms, currency) == figures(late, later_ms, currency)
    assert figures(late, later_ms, currency).revenue_last_hour == booking["total_price"]


def test_a_trip_that_ended_before_it_began_by_some_clock_stays_ended() -> None:
    (start,) = of_type("trip.started", 1)
    (end,) = of_type("trip.cancelled", 1)
    state = LiveState(LIVE_MS)
    state.add(seen([moved(start, NOW_MS)]), NOW_MS)
    state.add(seen([moved(end | {"trip_id": start["trip_id"]}, NOW_MS - 180_000)]), NOW_MS)
    for later_ms in (0, LIVE_MS - 120_000, LIVE_MS):
        assert figures(state, NOW_MS + later_ms, "NGN").active_trips == 0


def test_a_worker_whose_clock_is_fast_hides_nothing_from_the_others() -> None:
    (ping,) = of_type("driver.location.updated", 1)
    other_id = ping | {"event_id": "8a1f6a0e-3d1c-4f1e-9f43-0b6f6f0f3c99"}
    topic = topic_of(ping)
    events = [moved(ping, NOW_MS - 1000), moved(other_id, NOW_MS + 10_000)]
    records = [FakeRecord(orjson.dumps(event), place, NOW_MS) for place, event in enumerate(events)]
    found = accepted(topic, records)
    state = LiveState(LIVE_MS)
    state.add(sightings(topic, found, NOW_MS + 11_000, LIVE_MS), NOW_MS)
    assert figures(state, NOW_MS, "NGN").active_drivers == 1
    hour_old = [moved(booking, NOW_MS - 51 * 60_000) for booking in of_type("booking.confirmed", 1)]
    records = [FakeRecord(orjson.dumps(hour_old[0]), 0, NOW_MS)]
    found = accepted(topic_of(hour_old[0]), records)
    state.add(sightings(topic_of(hour_old[0]), found, NOW_MS + 600_000, LIVE_MS), NOW_MS)
    assert figures(state, NOW_MS, hour_old[0]["currency"]).revenue_last_hour == hour_old[0]["total_price"]


def test_what_lies_ahead_is_looked_at_when_its_minute_comes() -> None:
    pings = of_type("driver.location.updated", 300)
    state = LiveState(LIVE_MS)
    for place, ping in enumerate(pings):
        state.add(seen([moved(ping, NOW_MS + place * 1999)]), NOW_MS)
    assert len(state.window(EVENTS, NOW_MS + 10**7)) == 0
    for ahead_ms in (0, 1998, 1999, 60_000, 300_000, 598_000):
        now_ms = NOW_MS + ahead_ms
        expected = {ping["driver_id"] for ping in pings[: ahead_ms // 1999 + 1][-151:]}
        assert figures(state, now_ms, "NGN").active_drivers == len(expected)


@pytest.mark.parametrize("domain", ["user", "booking", "payment", "trip", "location"])
@pytest.mark.parametrize("least_records", [2, 1_000_000], ids=["columns", "rows"])
def test_a_batch_that_was_looked_at_is_let_go_of_without_the_collector(
    domain: str, least_records: int
) -> None:
    """It seldom comes by: half of a worker's memory had been batches that waited for it."""
    load()
    topic = f"openride.events.{domain}"
    events = [event for event in some_hours(3, NOW_MS, 400) if topic_of(event) == topic]
    records = [FakeRecord(orjson.dumps(event), place, NOW_MS) for place, event in enumerate(events)]
    found = accept(RecordBatch(topic, 0, records), POLICY, NOW_MS, least_records=least_records)
    assert bool(found.columns) == (least_records == 2)
    gc.collect()
    gc.disable()
    try:
        assert sightings(topic, found, NOW_MS, LIVE_MS)
        assert gc.collect() == 0, "something refers to itself"
    finally:
        gc.enable()

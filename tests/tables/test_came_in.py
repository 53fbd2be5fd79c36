"""What came in by minute and how late, whoever read it, in whatever order and however often."""

import random
import uuid

import numpy as np
import orjson
import pytest

from tables.arrivals import KEPT_A_MINUTE, MINUTE_MS, Arrived
from tables.came_in import MinuteIn, came_in
from tables.changes import decoded, encoded
from tables.placed_series import ARRIVALS
from tables.series import HOUR_MS
from tables.sightings import sightings
from tables.state import LiveState
from tests.events.batches import FakeRecord
from tests.tables.rides import Event, moved
from tests.tables.test_realtime import LIVE_MS, NOW_MS, accepted, of_type, topic_of

Came = tuple[Event, int]
"""An event, and when Kafka got it."""


def some(count: int, chance: random.Random, minutes: int = 59) -> list[Came]:
    """Events that came in during the last minutes: most soon after their event time, some hours later."""
    (sample,) = of_type("driver.location.updated", 1)
    found = []
    for _ in range(count):
        at_ms = NOW_MS - chance.randrange(minutes * MINUTE_MS)
        late_ms = round(chance.lognormvariate(6, 2))
        event = sample | {"event_id": str(uuid.UUID(int=chance.getrandbits(128), version=4))}
        found.append((moved(event, at_ms - late_ms), at_ms))
    return found


def rows(came: list[Came], sizes: list[int], chance: random.Random) -> list[bytes]:
    """What workers write who read them in batches of some sizes; each record has one place and moment."""
    written, start = [], 0
    while start < len(came):
        part = came[start : start + chance.choice(sizes)]
        start += len(part)
        records = [FakeRecord(orjson.dumps(event), place, at_ms) for place, (event, at_ms) in enumerate(part)]
        found = accepted(topic_of(part[0][0]), records)
        assert not found.rejects
        added = sightings(topic_of(part[0][0]), found, NOW_MS, LIVE_MS, Arrived.of(records, NOW_MS))
        written.append(encoded(added))
    return written


def known(written: list[bytes]) -> LiveState:
    state = LiveState(LIVE_MS)
    for place, row in enumerate(written):
        state.add(decoded(row), NOW_MS)
        if place % 7 == 0:
            state.settle(NOW_MS)
    return state


def expected(came: list[Came]) -> dict[int, list[int]]:
    """By the beginning of each minute how late its events were."""
    late: dict[int, list[int]] = {}
    for event, at_ms in came:
        happened_ms = int(np.datetime64(event["event_timestamp"].rstrip("Z"), "ms").astype(int))
        late.setdefault(at_ms // MINUTE_MS * MINUTE_MS, []).append(at_ms - happened_ms)
    return late


def test_counts_and_lateness_are_those_of_the_distinct_events() -> None:
    chance = random.Random(3)
    came = some(1500, chance)
    again = came[:400]
    written = [*rows(came, [1, 9, 64], chance), *rows(again, [1, 30], chance)]
    chance.shuffle(written)
    minutes = came_in(known(written), NOW_MS, 0)
    assert [one.start_ms for one in minutes][-1] == NOW_MS // MINUTE_MS * MINUTE_MS
    assert len(minutes) == 60
    late = expected(came)
    for one in minutes:
        of_minute = late.get(one.start_ms, [])
        assert one.events == len(of_minute)
        told = (one.late_p50_ms, one.late_p95_ms, one.late_p99_ms)
        if of_minute:
            assert told == pytest.approx(
                np.quantile(of_minute, (0.5, 0.95, 0.99)).tolist(), rel=0.01, abs=0.01
            )
        else:
            assert told == (None, None, None)


def test_busy_minutes_are_a_sample_that_every_worker_keeps_alike() -> None:
    chance = random.Random(4)
    came = some(40_000, chance, minutes=2)
    first = rows(came, [80, 120], chance)
    state, other = known(first), known(chance.sample(first, len(first)))
    assert came_in(state, NOW_MS, 0) == came_in(other, NOW_MS, 0)
    assert KEPT_A_MINUTE < state.sizes()[ARRIVALS.name] <= 3 * KEPT_A_MINUTE
    late = expected(came)
    busy = [one for one in came_in(state, NOW_MS, 0) if len(late.get(one.start_ms, ())) > 2 * KEPT_A_MINUTE]
    assert busy
    for one in busy:
        assert one.events == pytest.approx(len(late[one.start_ms]), rel=0.08)
        assert one.late_p50_ms == pytest.approx(np.median(late[one.start_ms]), rel=0.25)


def test_a_minute_that_nobody_remembers_is_not_taken_for_a_quiet_one() -> None:
    began_ms = NOW_MS - 10 * MINUTE_MS
    found = came_in(LiveState(LIVE_MS), NOW_MS, began_ms)
    assert [one.events for one in found] == [None] * 49 + [0] * 11
    assert came_in(LiveState(LIVE_MS), NOW_MS, None)[-1] == MinuteIn(found[-1].start_ms, None)


def test_history_that_comes_now_is_late_and_what_came_long_ago_is_forgotten() -> None:
    chance = random.Random(5)
    old = [(moved(event, NOW_MS - 9 * HOUR_MS), NOW_MS - 1) for event, _ in some(5, chance)]
    long_ago = [(event, NOW_MS - 2 * HOUR_MS) for event, _ in some(5, chance)]
    state = known(rows([*old], [5], chance))
    for record in rows(long_ago, [5], chance):
        state.add(decoded(record), NOW_MS)
    newest = came_in(state, NOW_MS, 0)[-1]
    assert newest.events == 5
    assert newest.late_p50_ms == pytest.approx(9 * HOUR_MS, rel=0.01)
    assert came_in(state, NOW_MS + 2 * HOUR_MS, 0)[-1].events == 0
    assert state.sizes()[ARRIVALS.name] == 0

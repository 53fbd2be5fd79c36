"""Funnel, cohorts, retention and users equal the reference over whatever becomes of users.

Hypothesis draws stories of one user each; all of them are told to one store, where their users register in
a few places, so that few are counted together.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import strategies as st

from openride_stream.api.choices import CohortType
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.preaggregations import RIDER_STEPS, USER_DAYS
from openride_stream.clickhouse.queries.cohort import first_day, period_of
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.events.example import example
from openride_stream.events.registry import TOPIC_OF
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, assert_answers, ingest, reconciler
from tests.fixtures.store import settings_for
from tests.reference.figures import Reference

STORIES, PLACES = 80, 4
WINDOW_DAYS = 3
HOUR_MS = 3_600_000
TODAY = NOW_MS // DAY_MS

# The first of last month, and the last Sunday of March or October before it, when clocks change.
_LAST_MONTH = first_day(period_of(TODAY, "monthly") - 1, "monthly")
_AFTER_CHANGE = next(m for m in count(period_of(TODAY - 40, "monthly"), -1) if m % 12 in (3, 10))
_MONTH_END = first_day(_AFTER_CHANGE, "monthly") - 1
EDGES_MS = (_LAST_MONTH * DAY_MS, (_MONTH_END - (_MONTH_END + 4) % 7) * DAY_MS + HOUR_MS)

# Kind, periods, how long after the edge it is now, and where.
COHORTS: tuple[tuple[CohortType, int, int, str | None], ...] = (
    ("daily", 31, 9 * HOUR_MS, None),
    ("daily", 3, 12 * DAY_MS, "S0"),
    ("weekly", 6, 36 * DAY_MS, None),
    ("monthly", 52, 61 * DAY_MS, "S1"),
)

Told = tuple[str, int, dict[str, Any]]
"""Event type, time in ms, fields."""

near = st.sampled_from((0, 0, 1, -1, 9 * HOUR_MS, DAY_MS - 1, -3 * DAY_MS, 26 * HOUR_MS))
# From the registration on; the window's last millisecond and the one after it.
WINDOW_MS = WINDOW_DAYS * DAY_MS
far = st.sampled_from(
    (
        *(0, 0, 1, -1, HOUR_MS, 5 * HOUR_MS, DAY_MS, 2 * DAY_MS),
        *(WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1, 30 * DAY_MS, 30 * DAY_MS + 1),
    )
)
# From one step to the next, for those who go on.
later = st.sampled_from((0, 0, 0, 1, 1, HOUR_MS, DAY_MS, DAY_MS, WINDOW_MS - DAY_MS - 1, WINDOW_MS - DAY_MS))
days_after = st.sampled_from((0, 1, 2, 6, 7, 8, 14, 29, 30, 31))
within = st.sampled_from((0, 1, DAY_MS - 1))

STEPS = ("booking.created", "payment.initiated", "payment.success", "trip.completed")
OTHERS = (
    *("user.activity", "user.kyc_verified", "user.registered", "booking.cancelled", "payment.failed"),
    *("trip.started", "trip.completed", "route.created", "driver.location.updated"),
)


@st.composite
def stories(draw: st.DrawFn, user: str, place: dict[str, Any]) -> list[Told]:
    """One user: registered once, more than once or never; steps in any order; active now and then."""
    role = draw(st.sampled_from(("RIDER", "RIDER", "DRIVER", "ADMIN")))
    edge_ms = draw(st.sampled_from(EDGES_MS))
    registered_ms = edge_ms + draw(near)
    told: list[Told] = []
    for after_ms in draw(st.sampled_from(((), (0,), (0,), (0,), (0,), (0, 0), (0, 5 * DAY_MS)))):
        where = place if not told else draw(st.sampled_from((place, {"city": "elsewhere"})))
        fields = {"user_id": user, "role": role if not told else "DRIVER", **where}
        told.append(("user.registered", registered_ms + after_ms, fields))
    for after_ms in draw(st.sampled_from(((), (), (0,), (1,), (-1,), (DAY_MS, HOUR_MS)))):
        told.append(("user.upgraded_to_driver", registered_ms + after_ms, {"user_id": user}))
    usual_ms = registered_ms
    for step in draw(st.sampled_from((STEPS, STEPS, STEPS, STEPS[:3], STEPS[1:], STEPS[::-1]))):
        usual_ms += draw(later)
        times = st.just(usual_ms) | far.map(registered_ms.__add__)
        for at_ms in draw(st.lists(times, min_size=draw(st.integers(0, 3)) and 1, max_size=3)):
            told.append((step, at_ms, {"rider_id": user}))
    for name in draw(st.lists(st.sampled_from(OTHERS), max_size=4)):
        day_ms = (registered_ms // DAY_MS + draw(days_after)) * DAY_MS
        told.append((name, day_ms + draw(within), {draw(st.sampled_from(_ids_of(name))): user}))
    return told


def _ids_of(name: str) -> list[str]:
    fields = example(name)
    return [field for field in ("user_id", "rider_id", "driver_id") if field in fields]


class Telling:
    """Makes records of what is told; every id that is not given is somebody else's."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []
        self.dice = random.Random(7)
        self._numbers = count(1)

    def __call__(self, told: Told) -> None:
        name, at_ms, fields = told
        people = {field: self.uid() for field in _ids_of(name)}
        event = example(name) | {"event_id": self.uid(), "city": None, "state": None} | people | fields
        self._say(name, event, at_ms)
        if self.dice.random() < 0.1:  # the same identity, with another time: one of the two counts
            self._say(name, event, at_ms + self.dice.choice((-DAY_MS, 1, DAY_MS)))

    def _say(self, name: str, event: dict[str, Any], at_ms: int) -> None:
        value = json.dumps(event | {"event_timestamp": self.written(at_ms)}).encode()
        self.records += [(TOPIC_OF[name].name, value)] * self.dice.choice((1, 1, 1, 2))

    def written(self, at_ms: int) -> str:
        zone = timedelta(hours=self.dice.choice((0, 1, 2, -5)))
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms) + zone
        hours = round(zone.total_seconds() / 3600)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}{hours:+03d}:00"

    def uid(self) -> str:
        return f"{next(self._numbers):08x}-0000-4000-8000-{self.dice.randrange(16**12):012x}"


def everything() -> list[tuple[str, bytes]]:
    telling, numbers = Telling(), count()

    @seed(4)
    @hypothesis.settings(
        max_examples=STORIES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        number = next(numbers)
        place = {"city": f"city {number % PLACES}", "state": f"S{number % 2}"}
        if not number % PLACES:
            place = {"state": "S1"}  # of no city is no place
        for told in data.draw(stories(telling.uid(), place)):
            telling(told)

    draw()
    telling.dice.shuffle(telling.records)  # out of order
    return telling.records


def by_topic(records: list[tuple[str, bytes]]) -> dict[str, list[bytes]]:
    topics: dict[str, list[bytes]] = {}
    for topic, value in records:
        topics.setdefault(topic, []).append(value)
    return topics


def questions(edge_ms: int) -> Iterator[Question]:
    day_ms = edge_ms // DAY_MS * DAY_MS
    yield Question(day_ms - 10 * DAY_MS, day_ms + 20 * DAY_MS, "NGN")
    yield Question(edge_ms, edge_ms + 1, "NGN")
    yield Question(edge_ms, edge_ms + DAY_MS - 1, "NGN", state="S1")
    for number in range(1, PLACES):
        yield Question(edge_ms - 3 * DAY_MS, edge_ms + 26 * HOUR_MS, "NGN", city=f"city {number}")
    yield Question(edge_ms - 100 * DAY_MS, edge_ms - 99 * DAY_MS, "NGN")  # nothing happened there


async def assert_people(store: ClickHouse, reference: Reference, edge_ms: int) -> None:
    for number, question in enumerate(questions(edge_ms)):
        day = edge_ms // DAY_MS
        types = (("all", day + 8), ("driver", TODAY), ("rider", day + 2), ("driver", day + 31))
        user_type, today = types[number % len(types)]
        asked: list[tuple[str, dict[str, Any]]] = [
            ("funnel", {"window_days": WINDOW_DAYS}),
            ("retention", {"user_type": user_type, "today": today}),
        ]
        if number % 2:
            asked.append(("users", {}))
        await assert_answers(store, reference, question, asked)
    for kind, periods, later_ms, state in COHORTS:
        now_ms = min(edge_ms + later_ms, NOW_MS)
        start_ms = first_day(period_of(edge_ms // DAY_MS - 3, kind), kind) * DAY_MS
        question = Question(start_ms, now_ms, "NGN", state=state)
        more = {"cohort_type": kind, "periods": periods, "now_ms": now_ms}
        await assert_answers(store, reference, question, [("cohort", more)])


async def build(rounds: Reconciler) -> None:
    """The part of a round that these answers hang on."""
    await rounds.notice()
    look = await rounds._reader.look()
    for kept in (*USER_DAYS, *RIDER_STEPS):
        await rounds.build(kept, rounds._dirty(look, kept))


@pytest.fixture
def settings(clickhouse_url: str) -> Settings:
    # The store drops rows that are too old, and one of the edges is.
    return settings_for(clickhouse_url, retention_location_days=400)


async def test_people_are_counted_as_the_reference_counts_them(store: ClickHouse, settings: Settings) -> None:
    records = everything()
    reference = Reference("NGN")
    for topic, value in records:
        reference.add(topic, value)
    half = len(records) // 2
    rounds = reconciler(store, settings)
    await ingest(store, settings, by_topic(records[:half]))
    await build(rounds)
    await ingest(store, settings, by_topic(records[half:]))  # late, for days that are built
    await rounds.notice()
    await assert_people(store, reference, EDGES_MS[0])
    await build(rounds)
    for edge_ms in EDGES_MS:
        await assert_people(store, reference, edge_ms)

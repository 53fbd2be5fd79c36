"""What dashboards and analysts ask: each endpoint over days, weeks and months, with and without a place."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final

from bench.query.asking import Params, Question
from bench.query.kinds import CITIES

_RANGES_DAYS: Final = (1, 7, 30)
_ENDED_DAYS_AGO: Final = (0, 1, 3)
_MONTH_ENDED_DAYS_AGO: Final = (0, 1, 2, 3, 7, 14)
_MIX_REFRESHES: Final = 40
"""How often each dashboard of the mix asks for its endpoints."""
_SEED: Final = 2029

METRICS: Final = tuple(
    f"/v1/metrics/{name}" for name in ("users", "bookings", "payments", "trips", "drivers", "routes")
)
PEOPLE: Final = tuple(f"/v1/analytics/{name}" for name in ("funnel", "cohort", "retention"))
OTHERS: Final[tuple[tuple[str, Params], ...]] = (
    ("/v1/analytics/geographic", {"metric": "bookings"}),
    ("/v1/analytics/geographic", {"metric": "users"}),
    ("/v1/analytics/trends", {"metric": "revenue", "granularity": "daily"}),
    ("/v1/analytics/trends", {"metric": "active_users", "granularity": "daily"}),
)


def questions(now: datetime) -> dict[str, list[Question]]:
    """The questions of each path; `now` is the end of the last day asked for."""
    now = now.astimezone(UTC)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    places: tuple[Params, ...] = ({}, {"city": CITIES[0]})
    # Days that are over, and up to now, as whoever opens a dashboard asks.
    ends = [*(today - timedelta(days=ago) for ago in _ENDED_DAYS_AGO), now.replace(second=0, microsecond=0)]
    ranges = [_range(end, days) for days, end in product(_RANGES_DAYS, ends)]
    months = [_range(today - timedelta(days=ago), 30) for ago in _MONTH_ENDED_DAYS_AGO]
    found = {
        path: [Question(path, {**span, **place}) for span, place in product(ranges, places)]
        for path in METRICS
    }
    found["/v1/metrics/realtime"] = [Question("/v1/metrics/realtime", {})] * len(ranges)
    for path in PEOPLE:
        found[path] = [
            Question(path, _of_people(path, span) | place) for span, place in product(months, places)
        ]
    for path, more in OTHERS:
        found.setdefault(path, []).extend(Question(path, {**span, **more}) for span in ranges)
    return found


def dashboards(now: datetime) -> list[Question]:
    """A mix: a dozen dashboards, each of its own range and place, refreshed again and again in any order."""
    drawn = random.Random(_SEED)  # which question comes next, the same in every run
    by_path = questions(now)
    boards = [
        [drawn.choice(of_path) for path, of_path in by_path.items() if path != "/v1/metrics/realtime"]
        for _ in range(12)
    ]
    mix: list[Question] = []
    for _ in range(_MIX_REFRESHES):
        for board in drawn.sample(boards, k=len(boards) // 2):
            mix += board
    return mix


def last_month(now: datetime) -> Params:
    """The thirty days before the day of `now`."""
    return _range(now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0), 30)


def _range(end: datetime, days: int) -> Params:
    begin = end - timedelta(days=days)
    return {"start_date": begin.isoformat(), "end_date": end.isoformat()}


def _of_people(path: str, span: Params) -> Params:
    if path.endswith("cohort"):
        return {"cohort_type": "daily", "start_date": span["start_date"], "periods": "30"}
    return span


def in_turn(of_paths: Sequence[Sequence[Question]]) -> list[Question]:
    """All of them, shuffled the same way in every run, so that neighbours share nothing."""
    every = [question for of_path in of_paths for question in of_path]
    random.Random(_SEED).shuffle(every)  # an order, the same in every run
    return every

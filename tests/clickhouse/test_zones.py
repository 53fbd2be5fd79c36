"""Days of another zone: each has the figure of its own moments, from events and from built days."""

from itertools import pairwise
from typing import Any

import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.series import buckets
from openride_stream.clickhouse.reader import Reader
from openride_stream.clock import midnight, utc_from_ms
from openride_stream.settings import Settings
from tests.clickhouse.storing import ENDPOINTS, ingest, reconciler
from tests.clickhouse.test_rankings import FIRST_MS, HOUR_MS
from tests.clickhouse.test_trends import records
from tests.reference.figures import Reference

FIRST_FIGURES = {
    "users": "dau",
    "bookings": "bookings_created",
    "payments": "payments_initiated",
    "trips": "trips_started",
}
# The hours by which a day begins before that of UTC; none of them changes its clocks.
ZONES = {"Asia/Kolkata": 5.5, "Pacific/Kiritimati": 14.0, "America/Caracas": -4.0}


def whole_days(zone: str, **more: Any) -> Question:
    start_ms = FIRST_MS + DAY_MS - round(ZONES[zone] * HOUR_MS)
    return Question(start_ms, start_ms + 4 * DAY_MS, "NGN", granularity="daily", zone=zone, **more)


async def test_each_day_has_the_figure_of_its_own_moments(store: ClickHouse, settings: Settings) -> None:
    told = records()
    reference = Reference("NGN")
    for topic, values in told.items():
        for value in values:
            reference.add(topic, value)
    await ingest(store, settings, told)
    rounds = reconciler(store, settings)
    await rounds.notice()
    questions = [whole_days(zone) for zone in ZONES] + [whole_days("Asia/Kolkata", city="Lagos")]
    counted = 0
    for _ in range(2):
        for question in questions:
            for endpoint, first in FIRST_FIGURES.items():
                answer = await ENDPOINTS[endpoint](Reader(store), question)
                series = answer["time_series"]
                days = [question.start_ms + number * DAY_MS for number in range(4)]
                wanted = [
                    getattr(reference, endpoint)(day, day + DAY_MS, city=question.city)[first] for day in days
                ]
                assert [point["value"] for point in series] == wanted, (endpoint, question)
                assert series[0]["timestamp"] == utc_from_ms(days[0]).strftime("%Y-%m-%dT%H:%M:%SZ")
                counted += sum(wanted)
        await rounds.run()  # the second time from built days, where they will do
    assert counted > 100


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        ("America/New_York", "2026-03-07", [24, 23, 24]),
        ("America/New_York", "2026-10-31", [24, 25, 24]),
        # Midnight is left out there: the day begins an hour after it.
        ("Asia/Beirut", "2026-03-28", [24, 23, 24]),
        ("Asia/Kolkata", "2026-03-07", [24, 24, 24]),
    ],
)
def test_days_are_as_long_as_their_zone_has_them(zone: str, first: str, hours: list[int]) -> None:
    day = utc_from_ms(0).fromisoformat(first).date()
    start_ms = round(midnight(day, zone).timestamp() * 1000)
    question = Question(start_ms, start_ms + sum(hours) * HOUR_MS, "NGN", granularity="daily", zone=zone)
    found = buckets(question)
    assert found[0][0] == start_ms
    assert [(end - start) // HOUR_MS for start, end in found] == hours
    assert all(end == start for (_, end), (start, _) in pairwise(found))

"""Every trend equals the reference, bucket by bucket, from events and from built days."""

from dataclasses import replace
from typing import Any, get_args

from openride_stream.api.choices import TrendMetric
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.settings import Settings
from tests.clickhouse.storing import assert_answers, ingest, reconciler
from tests.clickhouse.test_rankings import FIRST_MS, HOUR_MS, MIDNIGHT_MS, Teller, uid
from tests.reference.figures import Reference

ASKED: tuple[tuple[str, dict[str, Any]], ...] = tuple(
    ("trends", {"metric": metric}) for metric in get_args(TrendMetric)
)
WHOLE = Question(FIRST_MS, MIDNIGHT_MS, "NGN", granularity="daily")
ODD = Question(FIRST_MS + 5 * HOUR_MS + 1, MIDNIGHT_MS - DAY_MS - 7 * HOUR_MS, "USD", granularity="hourly")
QUESTIONS = (
    WHOLE,
    ODD,
    replace(WHOLE, city="Lagos", granularity="weekly"),
    replace(ODD, state="LA", granularity="daily"),
    replace(WHOLE, start_ms=FIRST_MS - 40 * DAY_MS, granularity="monthly"),
    replace(WHOLE, start_ms=FIRST_MS - 9 * DAY_MS, end_ms=FIRST_MS - 8 * DAY_MS),
)


def records() -> dict[str, list[bytes]]:
    teller = Teller(11)
    for _ in range(60):  # many of them more than once, in another place and at another time
        teller.tell("user.registered", teller.moment(), user_id=uid(3, teller.dice.randrange(40)))
    return teller.everything()


async def test_every_bucket_has_the_figure_of_its_part_of_the_range(
    store: ClickHouse, settings: Settings
) -> None:
    told = records()
    reference = Reference("NGN")
    for topic, values in told.items():
        for value in values:
            reference.add(topic, value)
    await ingest(store, settings, told)
    rounds = reconciler(store, settings)
    await rounds.notice()
    await assert_answers(store, reference, ODD, ASKED)  # nothing is built yet
    await rounds.run()
    for question in QUESTIONS:
        await assert_answers(store, reference, question, ASKED)

"""Every figure equals the independent reference, by whichever path it is read."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Collection
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clock import utc_from_ms
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, assert_answers, ingest, reconciler
from tests.fixtures.tracing import untraced
from tests.reference.figures import Reference

HOURS_2_MS = 7_200_000
FIRST_MS = NOW_MS - 40 * DAY_MS
MIDNIGHT_MS = NOW_MS // DAY_MS * DAY_MS

QUESTIONS = {
    "everything": Question(FIRST_MS, NOW_MS, "NGN"),
    "whole days": Question(MIDNIGHT_MS - 20 * DAY_MS, MIDNIGHT_MS - 5 * DAY_MS, "NGN"),
    "odd edges": Question(MIDNIGHT_MS - 18 * DAY_MS + 1_234_567, MIDNIGHT_MS - 3 * DAY_MS - 7_654_321, "NGN"),
    "part of a day": Question(
        MIDNIGHT_MS - 9 * DAY_MS + 3_600_000, MIDNIGHT_MS - 9 * DAY_MS + 60_000_000, "NGN"
    ),
    "nothing": Question(MIDNIGHT_MS - 300 * DAY_MS, MIDNIGHT_MS - 299 * DAY_MS, "NGN"),
    "another currency": Question(FIRST_MS, NOW_MS, "USD"),
    "a city": Question(FIRST_MS, NOW_MS, "NGN", city="Manhattan"),
    "a state": Question(MIDNIGHT_MS - 25 * DAY_MS, MIDNIGHT_MS, "NGN", state="NY"),
    "a city in no state": Question(FIRST_MS, NOW_MS, "NGN", city="Manhattan", state="LA"),
    "hourly": Question(
        MIDNIGHT_MS - 6 * DAY_MS + 5_000_000, MIDNIGHT_MS - 4 * DAY_MS, "NGN", granularity="hourly"
    ),
    "daily": Question(FIRST_MS, NOW_MS, "NGN", granularity="daily"),
    "weekly in a city": Question(FIRST_MS, NOW_MS, "NGN", city="Brooklyn", granularity="weekly"),
    "monthly": Question(FIRST_MS, NOW_MS, "NGN", granularity="monthly"),
}

# What each endpoint is asked; `test_rankings` asks the later ones more.
RANKED = ("everything", "odd edges", "weekly in a city")
PLACED = ("everything", "a state")
ASKED: tuple[tuple[str, dict[str, Any], Collection[str]], ...] = (
    *((endpoint, {}, QUESTIONS) for endpoint in ("users", "bookings", "payments", "trips")),
    ("drivers", {"limit": 1000, "sort": "earnings"}, RANKED),
    ("routes", {"limit": 500}, RANKED),
    *(("geographic", {"metric": metric}, PLACED) for metric in ("bookings", "revenue", "users")),
)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """Good records by topic: a hundred trips, resent in part, with some ids used for two contents.

    They are about now, and about the moments at which the windows of active users of "odd edges" begin.
    """
    folder = tmp_path_factory.mktemp("replay")
    edges = [utc_from_ms(QUESTIONS["odd edges"].end_ms - days * DAY_MS + HOURS_2_MS) for days in (1, 7, 30)]
    ends = [[], *(["--end", edge.isoformat()] for edge in edges)]
    replays = [replay(folder, number, end) for number, end in enumerate(ends)]
    assert [replaying.wait() for replaying in replays] == [0] * len(ends)
    found: dict[str, list[bytes]] = {}
    for line in chain.from_iterable(path.read_text().splitlines() for path in sorted(folder.iterdir())):
        record = json.loads(line)
        if record["bad"] is None and record["topic"].startswith("openride.events."):
            value = (
                base64.b64decode(record["value_base64"])
                if "value_base64" in record
                else record["value"].encode()
            )
            found.setdefault(record["topic"], []).append(value)
    return found


def replay(folder: Path, number: int, arguments: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "openride_stream", "replay", "--dry-run", "--currency", "NGN"]
    command += ["--duplicates", "0.1", "--conflicts", "0.02", "--limit", "30", "--seed", str(number)]
    command += [*arguments, "--json-out", str(folder / f"{number}.jsonl")]
    return subprocess.Popen(command, env=untraced(os.environ), stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def reference(records: dict[str, list[bytes]]) -> Reference:
    made = Reference("NGN")
    for topic, values in records.items():
        for value in values:
            made.add(topic, value)
    return made


@pytest_asyncio.fixture
async def loaded(
    store: ClickHouse, settings: Settings, records: dict[str, list[bytes]]
) -> AsyncIterator[ClickHouse]:
    await ingest(store, settings, records)
    return store


async def assert_equal(store: ClickHouse, reference: Reference, *names: str) -> None:
    for name in names or QUESTIONS:
        asked = [(endpoint, more) for endpoint, more, questions in ASKED if name in questions]
        await assert_answers(store, reference, QUESTIONS[name], asked)


async def test_figures_equal_the_reference_from_events_and_from_built_days(
    loaded: ClickHouse, settings: Settings, reference: Reference, records: dict[str, list[bytes]]
) -> None:
    rounds = reconciler(loaded, settings)
    await rounds.notice()
    await assert_equal(loaded, reference)  # nothing is built yet: everything comes from events
    assert await rounds.run() > 50
    assert await rounds.run() == 0  # nothing is dirty any more
    await assert_equal(loaded, reference)
    # The same records again, in another order: as many days are dirty, the figures are the same.
    again = {topic: values[::-1] for topic, values in records.items()}
    await ingest(loaded, settings, again)
    await assert_equal(loaded, reference, "odd edges", "a city")
    await rounds.run()
    await assert_equal(loaded, reference, "whole days", "a state")

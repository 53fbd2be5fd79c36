"""Every figure equals the independent reference, by whichever path it is read."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.deliveries import Delivery
from openride_stream.clickhouse.queries.bookings import bookings
from openride_stream.clickhouse.queries.payments import payments
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.trips import trips
from openride_stream.clickhouse.queries.users import users
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.clickhouse.sink import Sink
from openride_stream.clock import SystemClock, utc_from_ms
from openride_stream.errors import StoreRefused
from openride_stream.events.decode import decode
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.records import RecordBatch
from openride_stream.events.topics import BY_NAME
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.fixtures.tracing import untraced
from tests.reference.figures import Reference

ENDPOINTS = {"users": users, "bookings": bookings, "payments": payments, "trips": trips}
NOW_MS = SystemClock().now_ms()
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


@dataclass(frozen=True)
class Sent:
    """A record as a partition would hold it."""

    offset: int
    value: bytes
    timestamp: int = NOW_MS
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


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


async def ingest(store: ClickHouse, settings: Settings, records: dict[str, list[bytes]]) -> None:
    """Decode and store as a worker does."""
    sink = Sink(store, settings, Metrics(), SystemClock())
    task = asyncio.create_task(sink.run())
    policy = DecodePolicy.from_settings(settings, "cluster")

    refused: list[tuple[dict[str, Any], StoreRefused]] = []

    async def refuse(row: dict[str, Any], error: StoreRefused) -> None:
        refused.append((row, error))

    for topic, values in records.items():
        batch = RecordBatch(topic, 0, [Sent(offset, value) for offset, value in enumerate(values)])
        decoded = decode(batch, policy, NOW_MS)
        assert [(r.error, r.message) for r in decoded.rejects] == []
        await sink.write(Delivery.of(BY_NAME[topic].table, decoded.rows, lambda: None, refuse))
    assert await sink.drain(60), (sink.last_error, task, sink._unacked_rows)
    assert refused == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest_asyncio.fixture
async def loaded(
    store: ClickHouse, settings: Settings, records: dict[str, list[bytes]]
) -> AsyncIterator[ClickHouse]:
    wide = settings.model_copy(update={"retention_location_days": 400})
    await ingest(store, wide, records)
    return store


def reconciler(store: ClickHouse, settings: Settings) -> Reconciler:
    wide = settings.model_copy(update={"retention_location_days": 400})
    return Reconciler(store, Metrics(), SystemClock(), wide)


async def assert_equal(store: ClickHouse, reference: Reference, *names: str) -> None:
    for name in names or QUESTIONS:
        question = QUESTIONS[name]
        for endpoint, answer in ENDPOINTS.items():
            given = await answer(store, question)
            wanted = getattr(reference, endpoint)(
                question.start_ms,
                question.end_ms,
                city=question.city,
                state=question.state,
                currency=question.currency,
                granularity=question.granularity,
            )
            assert given == wanted, f"{endpoint}, {name}"


async def test_figures_equal_the_reference_from_events_and_from_built_days(
    loaded: ClickHouse, settings: Settings, reference: Reference, records: dict[str, list[bytes]]
) -> None:
    rounds = reconciler(loaded, settings)
    await rounds._conflicts.find()
    await assert_equal(loaded, reference)  # nothing is built yet: everything comes from events
    assert await rounds.run() > 50
    assert await rounds.run() == 0  # nothing is dirty any more
    await assert_equal(loaded, reference)
    # The same records again, in another order: as many days are dirty, the figures are the same.
    again = {topic: values[::-1] for topic, values in records.items()}
    await ingest(loaded, settings.model_copy(update={"retention_location_days": 400}), again)
    await assert_equal(loaded, reference, "odd edges", "a city")
    await rounds.run()
    await assert_equal(loaded, reference, "whole days", "a state")

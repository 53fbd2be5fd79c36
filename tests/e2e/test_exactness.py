"""What the platform promises: after any replay, whatever died on the way, every figure is the true one."""

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clock import utc_from_ms
from tests.e2e.cluster import Cluster, dead_letters, reasons
from tests.fixtures.broker import EmbeddedBroker
from tests.fixtures.services import required_service
from tests.reference.figures import Reference
from tests.reference.loading import load

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

AT_ONCE = 4
ENDPOINTS = ("users", "bookings", "payments", "trips", "drivers", "routes")
TRIPS = os.environ.get("OPENRIDE_TEST_TRIPS", "300")
KILLS = int(os.environ.get("OPENRIDE_TEST_KILLS", "4"))
END = utc_from_ms(int(time.time() * 1000) // DAY_MS * DAY_MS - 3_600_000).isoformat()


@pytest.fixture(
    params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)],
)
def bootstrap(request: pytest.FixtureRequest, start_broker: Callable[[], EmbeddedBroker]) -> str:
    if request.param == "apache":
        return required_service("OPENRIDE_TEST_KAFKA", "the host:port of an Apache Kafka")
    return start_broker().bootstrap


@pytest.fixture
def cluster(tmp_path: Path, bootstrap: str) -> Iterator[Cluster]:
    made = Cluster(tmp_path, bootstrap, more=production_stores())
    yield made
    made.stop()


def production_stores() -> dict[str, str]:
    """PostgreSQL and Redis where they are given: the application only sees other addresses."""
    stores = {
        "OPENRIDE_METADATA_URL": os.environ.get("OPENRIDE_TEST_POSTGRES", ""),
        "OPENRIDE_REDIS_URL": os.environ.get("OPENRIDE_TEST_REDIS", ""),
    }
    return {name: value for name, value in stores.items() if value}


def assert_figures(cluster: Cluster, reference: Reference) -> None:
    end_ms = int(time.time() * 1000) // DAY_MS * DAY_MS + DAY_MS
    month = (end_ms - 40 * DAY_MS, end_ms)
    week = (end_ms - 17 * DAY_MS + 4_321_000, end_ms - 9 * DAY_MS + 1_234_000)
    asked: list[dict[str, str]] = [{}, {"city": "Manhattan"}, {"granularity": "daily"}]
    questions = list(product((month, week), asked, ENDPOINTS))

    def ask(question: tuple[tuple[int, int], dict[str, str], str]) -> Any:
        (start, end), more, endpoint = question
        limits = {"start_date": utc_from_ms(start).isoformat(), "end_date": utc_from_ms(end).isoformat()}
        return cluster.get(f"/v1/metrics/{endpoint}", **limits, **more)

    with ThreadPoolExecutor(AT_ONCE) as asking:
        answers = asking.map(ask, questions)
    for ((start, end), more, endpoint), given in zip(questions, answers, strict=True):
        assert given == getattr(reference, endpoint)(start, end, **more), (endpoint, more)


def rough(path: Path) -> list[str]:
    return [
        "--max", "--bad", "0.02", "--duplicates", "0.05", "--end", END, "--limit", TRIPS,
        "--json-out", str(path),
    ]  # fmt: skip


def test_a_rough_replay_gives_the_true_figures_twice(cluster: Cluster, tmp_path: Path) -> None:
    sent = tmp_path / "sent.jsonl"
    cluster.start(workers=2)
    cluster.replay(*rough(sent))
    reference = Reference("NGN")
    bad = load(sent, reference)
    cluster.settle()
    assert_figures(cluster, reference)
    letters = asyncio.run(dead_letters(cluster.settings))
    assert len(letters) == bad > 0
    assert all(letter["dlq.error.message"] for letter in letters)
    assert len(reasons(letters)) >= 6

    cluster.replay(*rough(sent))
    cluster.settle()
    assert_figures(cluster, reference)
    assert [worker.end(signal.SIGTERM) for worker in cluster.workers] == [0, 0]


def test_whatever_is_killed_the_figures_come_out_the_same(cluster: Cluster, tmp_path: Path) -> None:
    sent = tmp_path / "sent.jsonl"
    cluster.start(workers=2)
    seed = int(os.environ.get("OPENRIDE_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}: OPENRIDE_TEST_SEED={seed} plays it again")
    chance = random.Random(seed)
    replaying = threading.Thread(target=lambda: cluster.replay(*rough(sent)))
    replaying.start()
    for _ in range(KILLS):
        # Not a wait for anything: the moment of the kill is what is random.
        replaying.join(timeout=chance.uniform(0.2, 4.0))
        kill(cluster, chance.choice(("worker", "clickhouse", "both")), chance)
    replaying.join()
    reference = Reference("NGN")
    load(sent, reference)
    cluster.settle()
    assert_figures(cluster, reference)


def kill(cluster: Cluster, what: str, chance: random.Random) -> None:
    """kill -9, then start again as a supervisor would."""
    worker = chance.choice(cluster.workers)
    if what in {"worker", "both"} and worker.running():
        worker.end(signal.SIGKILL)
    if what in {"clickhouse", "both"}:
        cluster.clickhouse.restart()
    if not worker.running():
        worker.start()

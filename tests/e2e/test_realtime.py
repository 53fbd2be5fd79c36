"""Any worker answers for all: with three of them, when one dies, joins, or wakes after it was given up."""

import asyncio
import json
import os
import signal
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from openride_stream.clock import SystemClock
from tests.e2e.cluster import Cluster, Worker
from tests.e2e.test_exactness import production_stores
from tests.fixtures.broker import EmbeddedBroker
from tests.fixtures.services import required_service
from tests.reference.moments import event_ms
from tests.reference.realtime import realtime
from tests.tables.rides import Event, some_hours
from tests.tables.test_realtime import flat, topic_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

DEADLINE_S = 120.0
LIVE_HOURS = 6


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def cluster(
    request: pytest.FixtureRequest, tmp_path: Path, start_broker: Callable[[], EmbeddedBroker]
) -> Iterator[Cluster]:
    if request.param == "apache":
        bootstrap = required_service("OPENRIDE_TEST_KAFKA", "the host:port of an Apache Kafka")
    else:
        bootstrap = start_broker().bootstrap
    made = Cluster(tmp_path, bootstrap, more=production_stores())
    yield made
    made.stop()


class Platform:
    """What was sent so far, and whether a worker's answer is that of its distinct events."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._sent: list[Event] = []

    def send(self, seed: int, count: int = 600) -> None:
        """Send some hours of events, a tenth of them twice, at once."""
        events = some_hours(seed, SystemClock().now_ms(), count)
        asyncio.run(self._produce([*events, *events[::10]]))
        self._sent += events

    async def _produce(self, events: list[Event]) -> None:
        servers = self._cluster.settings.kafka_bootstrap_servers
        async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
            # Without a key, so that any partition may get any event.
            sending = [await producer.send(topic_of(event), orjson.dumps(event)) for event in events]
            await asyncio.gather(*sending)

    def differences(self, worker: Worker) -> dict[str, Any]:
        """What a worker answers, and has to answer, where the two differ or it owns to be degraded."""
        try:
            with urllib.request.urlopen(f"{worker.url}/v1/metrics/realtime", timeout=10) as reply:
                answer = json.loads(reply.read())
        except OSError as error:
            return {"no answer": error}
        expected = flat(realtime(self._sent, event_ms(answer["timestamp"]), "NGN", LIVE_HOURS))
        given = flat(answer) | {"system_health": answer["system_health"], "reasons": answer["reasons"]}
        right = {
            name: value if isinstance(value, str) else pytest.approx(value, abs=0.0051)
            for name, value in expected.items()
        } | {"system_health": "healthy", "reasons": []}
        return {name: (given[name], value) for name, value in right.items() if given[name] != value}

    def agree(self, but: Worker | None = None) -> float:
        """Return when every worker answers rightly: after how many seconds."""
        began_s = time.monotonic()
        for worker in self._cluster.workers:
            while worker is not but and (wrong := self.differences(worker)):
                assert time.monotonic() - began_s < DEADLINE_S, (worker.log, wrong, self._cluster.logs())
                time.sleep(0.1)
        return time.monotonic() - began_s


def freeze(worker: Worker, cluster: Cluster) -> None:
    """Stop a worker in its tracks, but not in the middle of a write to SQLite: that would stop the others."""
    url = cluster.settings.metadata_url
    for _ in range(20):
        worker.signal(signal.SIGSTOP)
        if not url.startswith("sqlite"):
            return
        try:
            with closing(sqlite3.connect(cluster.folder / "metadata.db", timeout=1)) as store:
                store.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            worker.signal(signal.SIGCONT)
    raise AssertionError("the worker is always writing")


def test_every_worker_answers_for_all_whatever_becomes_of_the_others(cluster: Cluster) -> None:
    platform = Platform(cluster)
    cluster.start(workers=3)
    platform.agree()
    platform.send(1)
    took = {"steady state": platform.agree()}

    # Events that come in while nobody reads the dead worker's partitions are not lost.
    cluster.workers.pop().end(signal.SIGKILL)
    platform.send(2)
    took["after kill -9"] = platform.agree()

    cluster.workers.append(cluster.new_worker("late"))
    cluster.workers[-1].start()
    platform.send(3)
    took["after a join"] = platform.agree()

    # Given up while it slept, its partitions read by others; awake, it may believe they are still its own.
    sleeper = cluster.workers[0]
    freeze(sleeper, cluster)
    platform.send(4)
    took["after a freeze"] = platform.agree(but=sleeper)
    sleeper.signal(signal.SIGCONT)
    platform.send(5)
    took["after it woke"] = platform.agree()

    # Nobody is left who knows anything: what they knew is in the changelog.
    for worker in cluster.workers:
        worker.end(signal.SIGKILL)
    cluster.workers[:] = [cluster.new_worker("heir")]
    cluster.workers[0].start()
    took["after all died"] = platform.agree()

    if os.environ.get("OPENRIDE_TEST_TIMES"):
        print({what: round(seconds, 1) for what, seconds in took.items()})

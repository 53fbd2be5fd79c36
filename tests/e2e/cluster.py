"""A cluster as an operator would run it: one broker, one ClickHouse, workers as processes of their own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError

from openride_stream.embedded.ports import free_port
from openride_stream.events.topics import TOPICS
from openride_stream.kafka.connection import connection
from openride_stream.kafka.lag import group_lag
from openride_stream.kafka.topics import planned_topics
from openride_stream.settings import Settings
from tests.fixtures.broker import session_s
from tests.fixtures.clickhouse import EmbeddedClickHouse
from tests.fixtures.tracing import untraced

DEADLINE_S = 240.0
# For one worker on the embedded broker: it waits half a session at every join, and nobody else's is at stake.
ALONE = {"OPENRIDE_BROKER_SESSION_TIMEOUT_S": "3", "OPENRIDE_BROKER_HEARTBEAT_INTERVAL_S": "0.6"}


class Worker:
    """One `openride worker`; killed and started again at will, on the same port."""

    def __init__(self, folder: Path, name: str, env: dict[str, str]) -> None:
        self.port = free_port()
        self.log = folder / f"{name}.log"
        self._env = env | {"OPENRIDE_WEB_PORT": str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(openride("worker"), env=self._env, stdout=log, stderr=log)

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(timeout=60)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Cluster:
    """Everything a replay needs, on `bootstrap`, with a database and a consumer group of its own."""

    def __init__(self, folder: Path, bootstrap: str, *, more: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.clickhouse = EmbeddedClickHouse(folder / "clickhouse")
        session = session_s(bootstrap, 6.0)
        given = {
            "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "OPENRIDE_CLICKHOUSE_URL": self.clickhouse.url,
            "OPENRIDE_METADATA_URL": f"sqlite+aiosqlite:///{folder}/metadata.db",
            "OPENRIDE_PII_KEY": "a key for tests",
            "OPENRIDE_CONSUMER_GROUP": f"e2e-{os.getpid()}-{free_port()}",
            "OPENRIDE_BROKER_SESSION_TIMEOUT_S": str(session),
            "OPENRIDE_BROKER_HEARTBEAT_INTERVAL_S": str(session / 5),
            "OPENRIDE_PREAGGREGATION_INTERVAL_S": "2",
            # The month of trips is longer than locations are kept by default.
            "OPENRIDE_RETENTION_LOCATION_DAYS": "400",
            "OPENRIDE_DATA_DIR": str(folder),
        } | (more or {})
        self.env = untraced(os.environ) | given
        self.settings = Settings(
            _env_file=None, **{name.removeprefix("OPENRIDE_").lower(): value for name, value in given.items()}
        )
        self.workers: list[Worker] = []

    def start(self, workers: int) -> None:
        self.clickhouse.start()
        asyncio.run(forget_topics(self.settings))
        subprocess.run(openride("migrate"), env=self.env, check=True, timeout=120)
        self.add_workers(workers)
        try:
            self.wait_for(self._all_ready, "ready workers")
        except BaseException:
            self.stop()
            raise

    def _all_ready(self) -> bool:
        for worker in self.workers:
            assert worker.running(), worker.log.read_text()[-4000:]
        return all(worker.ready() for worker in self.workers)

    def new_worker(self, name: str) -> Worker:
        return Worker(self.folder, name, self.env)

    def add_workers(self, number: int) -> None:
        for place in range(number):
            self.workers.append(self.new_worker(f"worker-{place}"))
            self.workers[-1].start()

    def stop(self) -> None:
        for worker in self.workers:
            if worker.running():
                worker.end(signal.SIGKILL)
        self.clickhouse.kill()

    def replay(self, *arguments: str) -> None:
        # In the platform's own currency, which half of the events leave out.
        command = [*openride("replay"), "--currency", "NGN", *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr.decode()[-2000:]

    def settle(self) -> None:
        """Return when every record is committed: stored or dead-lettered."""
        topics = [topic.name for topic in TOPICS]
        started_s = time.monotonic()

        def lag() -> int:
            found = asyncio.run(group_lag(self.settings, topics, mend_ends=True))
            assert found
            return sum(partition.lag for partition in found)

        while (behind := lag()) > 0:
            for worker in self.workers:
                assert worker.running(), worker.log.read_text()[-4000:]
            assert time.monotonic() - started_s < DEADLINE_S, f"{behind} records behind\n{self.logs()}"
            time.sleep(0.5)

    def logs(self) -> str:
        return "\n".join(worker.log.read_text()[-3000:] for worker in self.workers)

    def get(self, path: str, **parameters: str) -> Any:
        """The answer of the first worker that answers; retried while none does."""
        query = urllib.parse.urlencode(parameters)
        deadline = time.monotonic() + DEADLINE_S
        while True:
            for worker in self.workers:
                with (
                    contextlib.suppress(OSError),
                    urllib.request.urlopen(f"{worker.url}{path}?{query}", timeout=60) as answer,
                ):
                    return json.loads(answer.read())
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.2)

    def wait_for(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"no {what}\n{self.logs()}"
            time.sleep(0.1)


def openride(command: str) -> list[str]:
    return [sys.executable, "-m", "openride_stream", command]


async def forget_topics(settings: Settings) -> None:
    """Delete the application's topics: their names are fixed, and a given Kafka has seen other tests."""
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        names = {plan.name for plan in planned_topics()}
        present = names & set(await admin.list_topics())
        if present:
            await admin.delete_topics(sorted(present))
        deadline = time.monotonic() + 60
        while names & set(await admin.list_topics()):
            assert time.monotonic() < deadline, "topics are not deleted"
            await asyncio.sleep(0.1)
    except UnknownTopicOrPartitionError:
        pass
    finally:
        await admin.close()


async def dead_letters(settings: Settings) -> list[dict[str, bytes]]:
    """The headers of every dead letter, with the value's length as `bytes`."""
    partitions = [
        TopicPartition(topic.dead_letter_topic, number)
        for topic in TOPICS
        for number in range(settings.topic_partitions)
    ]
    found = []
    async with AIOKafkaConsumer(
        **connection(settings),
        group_id=None,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8_000_000,
    ) as consumer:
        consumer.assign(partitions)
        quiet = 0
        while quiet < 3:
            fetched = await consumer.getmany(timeout_ms=1000)
            quiet = 0 if fetched else quiet + 1
            for records in fetched.values():
                found += [dict(record.headers) for record in records]
    return found


def reasons(letters: list[dict[str, bytes]]) -> Counter[str]:
    return Counter(letter["dlq.error.class"].decode() for letter in letters)

"""The stage of a schedule: a broker, ClickHouse behind a proxy, workers that a supervisor keeps alive."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from openride_stream.events.topics import TOPICS
from openride_stream.kafka.lag import PartitionLag, group_lag
from tests.e2e.cluster import Cluster, Worker
from tests.faults.proxy import FaultyProxy
from tests.fixtures.broker import EmbeddedBroker

WORKERS = 3
CLOCKS = Path(__file__).parent / "clocks"
TRUE_TIME = 0.0
# The shortest that Kafka allows.
KAFKA_SESSIONS = {
    "OPENRIDE_BROKER_SESSION_TIMEOUT_S": "6",
    "OPENRIDE_BROKER_HEARTBEAT_INTERVAL_S": "1.2",
}
OURS = "OPENRIDE_FAULTS_"  # a worker would say that these are no settings


class Broker(Protocol):
    """What a schedule needs of a broker."""

    @property
    def bootstrap(self) -> str:
        """Where it is reached."""
        ...

    def away(self, target: int) -> AbstractContextManager[None]:
        """Within the block the broker (of several, one) does not answer."""
        ...


class OneBroker:
    """The embedded broker; what it holds is gone when it dies, so it is frozen instead."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.broker = broker

    @property
    def bootstrap(self) -> str:
        return self.broker.bootstrap

    @contextmanager
    def away(self, target: int) -> Iterator[None]:
        del target
        with self.broker.frozen():
            yield


class KeptWorker(Worker):
    """A worker with a clock of its own, that can be frozen, and that a supervisor would start again."""

    def __init__(self, folder: Path, name: str, env: dict[str, str]) -> None:
        self._clock = folder / f"{name}.clock"
        self.set_clock(TRUE_TIME)
        given = {
            "FAULTS_CLOCK": str(self._clock),
            "PYTHONPATH": _python_path(env),
            "PYTHONFAULTHANDLER": "1",  # SIGABRT: what every thread was doing goes to the log
        }
        super().__init__(folder, name, env | given)
        self.name = name
        self.wanted = False
        self.deaths: list[int] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self.wanted = True
        super().start()

    def end(self, number: signal.Signals) -> int:
        self.wanted = False
        return super().end(number) if self.running() else 0

    def revive(self) -> None:
        """What a supervisor does: note how it died and start it again."""
        if self.wanted and self._process is not None and not self.running():
            self.deaths.append(self._process.returncode)
            super().start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within the block it does nothing and does not know that."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def set_clock(self, shift_s: float) -> None:
        """Its wall clock is off by so many seconds from now on."""
        with self._clock.open("r+b" if self._clock.exists() else "wb") as file:
            file.write(struct.pack("d", shift_s))


class Stage(Cluster):
    """A cluster whose parts can be made to fail, each by one fault at a time."""

    workers: list[KeptWorker]  # type: ignore[assignment]

    def __init__(self, folder: Path, broker: Broker, more: dict[str, str] | None = None) -> None:
        sessions = {} if isinstance(broker, OneBroker) else KAFKA_SESSIONS
        super().__init__(folder, broker.bootstrap, more=_impatient() | sessions | (more or {}))
        self.broker = broker
        self.proxy = FaultyProxy(self.clickhouse.url).start()
        self.env = {name: value for name, value in self.env.items() if not name.startswith(OURS)}
        self.env["OPENRIDE_CLICKHOUSE_URL"] = self.proxy.url
        self._in_use: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def new_worker(self, name: str) -> KeptWorker:
        return KeptWorker(self.folder, name, self.env)

    def stop(self) -> None:
        super().stop()
        self.proxy.stop()

    @asynccontextmanager
    async def alone_with(self, *parts: str) -> AsyncIterator[None]:
        """Wait until no other fault has one of `parts` ("store", "broker", a worker's name) in its hands."""
        async with contextlib.AsyncExitStack() as held:
            for part in sorted(parts):
                await held.enter_async_context(self._in_use[part])
            yield

    @asynccontextmanager
    async def supervised(self) -> AsyncIterator[None]:
        """Within the block a worker that dies unasked is started again."""
        self._in_use.clear()  # locks belong to one event loop
        supervising = asyncio.create_task(self._supervise())
        try:
            yield
        finally:
            supervising.cancel()
            await asyncio.gather(supervising, return_exceptions=True)

    async def _supervise(self) -> None:
        while True:
            for worker in self.workers:
                worker.revive()
            await asyncio.sleep(0.2)

    async def lag(self) -> list[PartitionLag]:
        topics = [topic.name for topic in TOPICS]
        return await group_lag(self.settings, topics, mend_ends=isinstance(self.broker, OneBroker))

    def rounds(self) -> int:
        """How many rounds of reconciliation have been completed."""
        with contextlib.closing(sqlite3.connect(self.folder / "metadata.db", timeout=30)) as metadata:
            (count,) = metadata.execute(
                "SELECT count(*) FROM job_runs WHERE outcome = 'completed'"
            ).fetchone()
        return int(count)

    def autopsy(self) -> str:
        """What each worker logged last, and what it is doing now; ends them."""
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGCONT)
                worker.end(signal.SIGABRT)
        ends = (worker.log.read_text()[-9000:] for worker in self.workers)
        return "\n\n".join(f"{worker.name}:\n{end}" for worker, end in zip(self.workers, ends, strict=True))

    def leaderless(self) -> bool:
        """Whether every worker joins the group again and again, and none was made its leader."""
        ends = [worker.log.read_text()[-6000:] for worker in self.workers]
        return all(end.count("Joined group") > 1 and "Elected group leader" not in end for end in ends)

    def deaths(self) -> dict[str, list[int]]:
        """Exit codes of workers that died unasked."""
        return {worker.name: worker.deaths for worker in self.workers if worker.deaths}


def _impatient() -> dict[str, str]:
    """Waits that suit a run of seconds; what they wait for is the same as in production."""
    return {
        "OPENRIDE_CLICKHOUSE_INSERT_TIMEOUT_S": "4",
        "OPENRIDE_CLICKHOUSE_QUERY_TIMEOUT_S": "10",
        "OPENRIDE_RETRY_BACKOFF_MAX_MS": "1000",
        "OPENRIDE_FLUSH_INTERVAL_MS": "200",
        "OPENRIDE_STALL_TIMEOUT_S": "40",
    }


def _python_path(env: dict[str, str]) -> str:
    return os.pathsep.join(filter(None, (str(CLOCKS), env.get("PYTHONPATH", ""))))

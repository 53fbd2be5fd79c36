"""What every peer runs on: an empty broker, an empty ClickHouse with the application's tables, a folder."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.embedded.broker import broker_answers, broker_argv
from openride_stream.embedded.children import Child, ChildLog
from openride_stream.embedded.leash import leashed
from openride_stream.embedded.ports import LOOPBACK, free_port
from openride_stream.errors import Fatal, Transient
from openride_stream.settings import Settings

_START_WITHIN_S: Final = 60.0
_STOP_WITHIN_S: Final = 5.0
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Stage:
    """Addresses of one peer's run, as environment for its process and as settings for us.

    `pids` are the processes that run on it, by their names.
    """

    folder: Path
    env: Mapping[str, str]
    settings: Settings
    store: ClickHouse
    pids: dict[str, int] = field(default_factory=dict)

    @asynccontextmanager
    async def child(self, name: str, argv: Sequence[str]) -> AsyncIterator[Child]:
        """A process of this stage, stopped at the end; its output is in `<folder>/<name>.log`."""
        child = Child(leashed(argv), self.env, ChildLog(self.folder / f"{name}.log"))
        self.pids[name] = child.pid
        try:
            yield child
        finally:
            if child.exit_code is None:  # it may be held, and would not see that it should stop
                os.kill(child.pid, signal.SIGCONT)
            await child.stop(_STOP_WITHIN_S)

    def log_tail(self, name: str) -> str:
        """The last of what a process of this stage wrote."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]


@asynccontextmanager
async def open_stage(session_timeout_s: float, **given: str) -> AsyncIterator[Stage]:
    """Broker, ClickHouse, topics and tables, all new; gone at the end.

    `session_timeout_s` is how long a member of the consumer group may be silent; `given` are more settings.
    """
    with tempfile.TemporaryDirectory(prefix="openride-bench-") as name:
        folder = Path(name)
        kafka_port = free_port()
        clickhouse_port = free_port(avoid=frozenset({kafka_port}))
        web_port = free_port(avoid=frozenset({kafka_port, clickhouse_port}))
        env = _env(folder, kafka_port, clickhouse_port, web_port, session_timeout_s)
        env |= {f"OPENRIDE_{name.upper()}": value for name, value in given.items()}
        settings = _settings(env)
        store = ClickHouse.open(settings)
        stage = Stage(folder, env, settings, store)
        module = [sys.executable, "-m", "openride_stream.embedded.clickhouse"]
        clickhouse = [*module, "--path", str(folder / "clickhouse"), "--port", str(clickhouse_port)]
        try:
            async with stage.child("broker", broker_argv(kafka_port)), stage.child("clickhouse", clickhouse):
                await _until(lambda: broker_answers(kafka_port), "the broker")
                await _until_answers(store)
                await _migrate(stage)
                yield stage
        finally:
            await store.close()


def _env(
    folder: Path, kafka_port: int, clickhouse_port: int, web_port: int, session_timeout_s: float
) -> dict[str, str]:
    # The user's own settings must not lead a benchmark to the user's stores.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OPENRIDE_")}
    return inherited | {
        "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{kafka_port}",
        "OPENRIDE_CLICKHOUSE_URL": f"http://{LOOPBACK}:{clickhouse_port}",
        "OPENRIDE_CLICKHOUSE_USER": "default",
        "OPENRIDE_CLICKHOUSE_PASSWORD": "",
        "OPENRIDE_CLICKHOUSE_CLUSTER": "",
        "OPENRIDE_TOPIC_REPLICATION": "1",
        "OPENRIDE_REDIS_URL": "",
        "OPENRIDE_METADATA_URL": f"sqlite+aiosqlite:///{folder / 'metadata.db'}",
        "OPENRIDE_PII_KEY": "a key of benchmarks",
        "OPENRIDE_WEB_PORT": str(web_port),
        "OPENRIDE_DATA_DIR": str(folder),
        "OPENRIDE_BROKER_SESSION_TIMEOUT_S": f"{session_timeout_s:.1f}",
        "OPENRIDE_BROKER_HEARTBEAT_INTERVAL_S": f"{session_timeout_s / 5:.1f}",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
        "PYTHONUNBUFFERED": "1",
    }


def _settings(env: Mapping[str, str]) -> Settings:
    chosen = {name.removeprefix("OPENRIDE_").lower(): value for name, value in env.items()}
    known = {name: value for name, value in chosen.items() if name in Settings.model_fields}
    return Settings.model_validate(known)


async def _migrate(stage: Stage) -> None:
    argv = [sys.executable, "-m", "openride_stream", "migrate"]
    done = await asyncio.to_thread(
        subprocess.run, argv, env=dict(stage.env), capture_output=True, timeout=120, check=False
    )
    if done.returncode != 0:
        message = f"the benchmark's stores could not be set up: {done.stderr.decode()[-500:]}"
        raise Fatal(message)


async def _until(ready: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + _START_WITHIN_S
    while not ready():
        if time.monotonic() > deadline_s:
            message = f"{what} did not start"
            raise Fatal(message)
        await asyncio.sleep(_POLL_S)


async def _until_answers(store: ClickHouse) -> None:
    deadline_s = time.monotonic() + _START_WITHIN_S
    while True:
        try:
            await store.ping()
        except Transient:
            if time.monotonic() > deadline_s:
                raise
            await asyncio.sleep(_POLL_S)
        else:
            return

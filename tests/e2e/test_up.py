"""`openride up` as a user runs it: events in, a broker killed, a stop, and the rows still there."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from openride_stream.clock import SystemClock, rfc3339
from openride_stream.embedded.folder import read_stack
from openride_stream.embedded.ports import free_port
from openride_stream.kafka.lag import group_lag
from openride_stream.settings import Settings
from tests.embedded.processes import is_running
from tests.fixtures.broker import made_again
from tests.fixtures.tracing import untraced

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

UP_DEADLINE_S = 240.0
USERS = "openride.events.user"
STALL_S = 4.0
ENV = untraced(os.environ) | {"OPENRIDE_STALL_TIMEOUT_S": str(STALL_S)}


class Stack:
    """One `openride up` process."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.output = data_dir.with_suffix(".out")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        given = options or ("--no-replay", "--workers", "2")
        argv = [*openride("up"), *given, "--port", str(free_port())]
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [*argv, "--data-dir", str(self.data_dir)], env=ENV, stdout=output, stderr=subprocess.STDOUT
            )
        self.wait_for(lambda: "Ctrl-C stops everything" in self.output.read_text(), "up")

    def wait_for(self, condition, what: str) -> None:
        assert self._process is not None
        deadline = time.monotonic() + UP_DEADLINE_S
        while not condition():
            assert self._process.poll() is None, f"ended: {self.output.read_text()}"
            assert time.monotonic() < deadline, f"no {what}: {self.output.read_text()}"
            time.sleep(0.1)

    def stop(self) -> tuple[int, float]:
        """Exit code of the process after SIGTERM, and the seconds it took."""
        assert self._process is not None
        began_s = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30), time.monotonic() - began_s

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def record(self):
        record = read_stack(self.data_dir)
        assert record is not None
        return record

    def ready(self) -> bool:
        return all(status(f"{url}/health/ready") == 200 for url in self.record.web)

    def users(self) -> set[str]:
        sql = b"SELECT DISTINCT user_id FROM openride_analytics.user_events"
        with urllib.request.urlopen(self.record.clickhouse, data=sql, timeout=30) as answer:
            return set(answer.read().decode().split())

    def send_to_one_partition(self, count: int) -> None:
        """Send new users past `emit`, all to one partition, and wait for their rows."""
        users = [str(uuid.uuid4()) for _ in range(count)]

        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.record.kafka) as producer:
                for user in users:
                    await producer.send_and_wait(USERS, json.dumps(registered(user)).encode(), partition=0)

        asyncio.run(send())
        self.wait_for(lambda: set(users) <= self.users(), "rows of one partition")
        settings = Settings(_env_file=None, kafka_bootstrap_servers=self.record.kafka)
        self.wait_for(
            lambda: not any(part.lag for part in asyncio.run(group_lag(settings, [USERS], mend_ends=True))),
            "commit",
        )

    def register(self) -> str:
        """Send one event, wait for its row, and return its user."""
        user = str(uuid.uuid4())
        event = registered(user)
        env = ENV | {"OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": self.record.kafka}
        subprocess.run([*openride("emit"), "--json", json.dumps(event)], env=env, check=True, timeout=120)
        self.wait_for(lambda: user in self.users(), "row of the event")
        return user


def registered(user: str) -> dict[str, str]:
    fields = {"event_type": "user.registered", "user_id": user, "phone": "+2348012345678", "role": "RIDER"}
    return fields | {"event_timestamp": rfc3339(SystemClock().now_ms())}


def openride(command: str) -> list[str]:
    return [sys.executable, "-m", "openride_stream", command]


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def listening_addresses(pid: int) -> set[str]:
    """Hexadecimal addresses (as in /proc/net/tcp) that `pid` listens on."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if match := re.match(r"socket:\[(\d+)\]", str(descriptor.readlink())):
                inodes.add(match[1])
        except FileNotFoundError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1].split(":")[0])
    return found


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    started = Stack(tmp_path / "data")
    started.start()
    yield started
    started.kill()


def test_a_stack_comes_up_survives_its_broker_and_stops_with_nothing_lost_or_left(stack: Stack) -> None:
    # The second joins while the first reads: both are asked.
    stack.wait_for(stack.ready, "ready workers")
    pids = dict(stack.record.pids)
    assert set(pids) == {"supervisor", "broker", "clickhouse", "worker-1", "worker-2"}
    if sys.platform == "linux":
        bound = set().union(*(listening_addresses(pid) for pid in pids.values()))
        assert bound == {"0100007F"}, "only 127.0.0.1 is bound"
    doctor = [*openride("doctor"), "--data-dir", str(stack.data_dir)]
    assert subprocess.run(doctor, check=False, timeout=120).returncode == 0
    before = stack.register()

    os.kill(pids["broker"], signal.SIGKILL)
    stack.wait_for(
        lambda: stack.record.pids.get("worker-2", pids["worker-2"]) != pids["worker-2"], "new worker"
    )
    stack.wait_for(stack.ready, "workers on the new broker")
    after = stack.register()
    assert {before, after} <= stack.users()
    assert "broker ended with signal SIGKILL" in stack.output.read_text()

    # A log that is made again under a worker: it waits at a place that no record ever comes to, and commits
    # nothing.
    stack.send_to_one_partition(2)
    asyncio.run(made_again(stack.record.kafka, USERS))
    stack.send_to_one_partition(2)
    assert re.search(r"worker-[12] ended with exit code 1.*no commit for 4 s", stack.output.read_text()), (
        stack.output.read_text()
    )
    stack.wait_for(stack.ready, "workers after a stall")

    last = dict(stack.record.pids)
    exit_code, took_s = stack.stop()
    assert exit_code == 0, stack.output.read_text()
    assert took_s < 10
    assert not [name for name, pid in (pids | last).items() if is_running(pid)]
    assert not (stack.data_dir / "stack.json").exists()

    stack.start()
    assert {before, after} <= stack.users()
    assert stack.stop()[0] == 0

"""A whole session with a real broker, in a process of its own as `openride up` is one."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openride_stream.embedded.folder import read_stack
from tests.embedded.processes import is_running, wait_until

SESSION = """
import asyncio, pathlib, sys
from openride_stream.clock import SystemClock
from openride_stream.embedded.addresses import WantedPorts, choose_addresses
from openride_stream.embedded.broker import broker_argv
from openride_stream.embedded.folder import locked_folder
from openride_stream.embedded.keeper import ChildSpec
from openride_stream.embedded.leash import leashed
from openride_stream.embedded.ports import free_port
from openride_stream.embedded.probes import broker_ready
from openride_stream.embedded.progress import open_progress
from openride_stream.embedded.session import run_stack

data_dir = pathlib.Path(sys.argv[1])
addresses = choose_addresses(WantedPorts(free_port()), 1)
port = addresses.kafka_port
broker = ChildSpec("broker", lambda: leashed(broker_argv(port)), is_ready=broker_ready(port))
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
deaf = ChildSpec("deaf", lambda: leashed([sys.executable, "-c", code]), stop_within_s=float(sys.argv[2]))
with locked_folder(data_dir), open_progress() as progress:
    asyncio.run(run_stack([[broker], [deaf]], data_dir, addresses, tell=progress.tell,
        on_up=lambda: progress.up(addresses, data_dir), clock=SystemClock()))
    progress.stopped()
"""


class Session:
    def __init__(self, data_dir: Path, stop_within_s: float) -> None:
        self.data_dir = data_dir
        argv = [sys.executable, "-c", SESSION, str(data_dir), str(stop_within_s)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_until_up(self) -> list[str]:
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line.rstrip())
            if "Ctrl-C" in line:
                return lines
        raise AssertionError("\n".join(lines))

    @property
    def pids(self) -> dict[str, int]:
        record = read_stack(self.data_dir)
        assert record is not None
        return dict(record.pids)


@pytest.fixture
def session(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    started = Session(tmp_path, getattr(request, "param", 0.2))
    yield started
    started.process.kill()
    started.process.communicate()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_removes_the_stack_file(
    session: Session, signum: signal.Signals
) -> None:
    lines = session.wait_until_up()
    assert lines[0].startswith("✓ broker ready after")
    assert any(line.split()[:1] == ["Dashboard"] for line in lines)
    pids = session.pids
    assert set(pids) == {"supervisor", "broker", "deaf"}
    assert all(is_running(pid) for pid in pids.values())
    session.process.send_signal(signum)
    rest, _ = session.process.communicate(timeout=10)
    assert session.process.returncode == 0, rest
    assert rest.splitlines()[-1] == "Stopped."
    assert not any(is_running(pid) for pid in pids.values())
    assert not (session.data_dir / "stack.json").exists()


@pytest.mark.parametrize("session", [60.0], indirect=True)
def test_a_second_signal_waits_for_nobody(session: Session) -> None:
    session.wait_until_up()
    pids = session.pids
    while session.process.poll() is None:
        session.process.send_signal(signal.SIGINT)
        try:
            session.process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
    assert not any(is_running(pid) for pid in pids.values())


def test_a_killed_child_is_named_with_its_reason_and_its_pid_replaced(session: Session) -> None:
    session.wait_until_up()
    before = session.pids["broker"]
    subprocess.run(["kill", "-9", str(before)], check=True)
    wait_until(lambda: session.pids.get("broker", before) != before, "broker restarted")
    log = [
        json.loads(line) for line in (session.data_dir / "logs" / "supervisor.log").read_text().splitlines()
    ]
    died = [entry for entry in log if entry["event"] == "died"]
    assert died[0]["child"] == "broker"
    assert died[0]["detail"].startswith("signal SIGKILL")


def test_nothing_outlives_a_killed_session(session: Session) -> None:
    session.wait_until_up()
    pids = session.pids
    session.process.kill()
    session.process.wait()
    wait_until(lambda: not any(is_running(pid) for pid in pids.values()), "children gone")

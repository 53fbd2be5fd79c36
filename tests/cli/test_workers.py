"""`openride workers` over a metadata store, with and without live workers."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openride_stream.cli.workers import spans
from openride_stream.events.topics import TOPICS
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.migrate import upgrade
from openride_stream.metadata.workers import Holding, Seat, Workers
from tests.embedded.processes import wait_until

GROUP = "cli-workers"


def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "OPENRIDE_METADATA_URL": url(tmp_path),
        "OPENRIDE_CONSUMER_GROUP": GROUP,
        "OPENRIDE_TOPIC_PARTITIONS": "2",
        "OPENRIDE_DATA_DIR": str(tmp_path),
        # Nothing listens there: the lag of what nobody holds is unknown.
        "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "COLUMNS": "200",
    }


def run(tmp_path: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "openride_stream", "workers", *arguments]
    done = subprocess.run(
        command, env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/metadata.db"


async def seat_one(tmp_path: Path) -> None:
    """One worker that holds everything but the last partition of the last topic."""
    await upgrade(url(tmp_path))
    metadata = Metadata.open(url(tmp_path))
    since_ms = round(time.time() * 1000) - 125_000
    places = [(topic.name, number) for topic in TOPICS for number in range(2)][:-1]
    held = [Holding(topic, number, since_ms, 1000, 10.0) for topic, number in places]
    seat = Seat("box:17", "http://box:8097", "0.1.0", datetime.now(UTC), "ClickHouse is away", held)
    await Workers(metadata, GROUP).keep(seat, 300)
    await metadata.close()


def test_it_shows_who_holds_what_and_what_nobody_holds(tmp_path: Path) -> None:
    asyncio.run(seat_one(tmp_path))
    lines = run(tmp_path).splitlines()
    assert lines[1].split() == ["box:17", "openride.events.user", "0-1", "2", "min", "ago", "2,000", "20"]
    assert "(nobody)  openride.schedules.redis" in lines[-4]
    assert lines[-4].split()[-2:] == ["1", "?"]
    assert lines[-2] == f"1 worker in group {GROUP}: 17 partitions, lag at least 17,000, 170 records/s"
    assert "ClickHouse is away" in lines[-1]

    answer = json.loads(run(tmp_path, "--json"))
    assert answer["workers"][0]["lag"] == 17_000
    assert answer["unheld"] == [{"topic": "openride.schedules.redis", "partition": 1, "lag": None}]


def test_without_a_metadata_store_it_says_so_and_makes_none(tmp_path: Path) -> None:
    assert "no metadata store" in run(tmp_path, code=2)
    assert list(tmp_path.iterdir()) == []


def test_into_a_pipe_it_prints_one_table_after_the_other(tmp_path: Path) -> None:
    asyncio.run(seat_one(tmp_path))
    command = [sys.executable, "-m", "openride_stream", "workers", "--watch"]
    with subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        os.set_blocking(watching.stdout.fileno(), False)
        said: list[str] = []

        def two_tables() -> bool:
            said.append((watching.stdout.read() or b"").decode())  # type: ignore[union-attr]
            return "".join(said).count("1 worker in group") == 2

        try:
            wait_until(two_tables, "a second table", within_s=120)
        finally:
            watching.send_signal(signal.SIGINT)
    first, second = "".join(said).strip().split("\n\nworker ")
    assert first.startswith("worker ")
    assert "\x1b" not in first + second


@pytest.mark.parametrize(
    ("numbers", "text"), [((), ""), ((3,), "3"), ((0, 1, 2, 5), "0-2 5"), ((0, 2, 4), "0 2 4")]
)
def test_runs_of_partitions_are_written_short(numbers: tuple[int, ...], text: str) -> None:
    assert spans(numbers) == text

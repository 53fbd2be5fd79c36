import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from openride_stream.cli.main import cli
from openride_stream.errors import Rejected
from openride_stream.events.topics import TOPICS
from tests.replay.test_sender import create

END = "2026-03-02T12:00:00Z"


def run(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    outcome = CliRunner().invoke(cli, ["replay", *arguments], env=env)
    return outcome.exit_code, outcome.output


def test_a_pinned_end_gives_the_same_bytes_and_none_gives_new_rides(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.jsonl" for n in range(4)]
    rough = ("--bad", "0.02", "--duplicates", "0.05", "--without-ids", "0.01", "--conflicts", "0.01")
    for path, end in zip(paths, (END, END, "2026-03-02T12:00:01Z", END), strict=True):
        more = ("--seed", "2") if path is paths[3] else ()
        code, _ = run("--limit", "40", "--dry-run", "--end", end, "--json-out", str(path), *rough, *more)
        assert code == 0
    first, second, later, other_seed = (path.read_bytes() for path in paths)
    assert first == second
    assert {line["timestamp"] for line in map(orjson.loads, first.splitlines())} == {None}
    for other in (later, other_seed):
        assert not set(first.splitlines()) & set(
            line for line in other.splitlines() if b"event_id" in line and b'"bad":null' in line
        )


def test_a_simulated_scheduler_takes_the_place_of_trips(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    code, output = run("--schedules", "30", "--dry-run", "--end", END, "--json-out", str(path))
    assert code == 0, output
    topics = {orjson.loads(line)["topic"] for line in path.read_bytes().splitlines()}
    assert topics == {topic.name for topic in TOPICS if topic.tier}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--speed", "2", "--max"),
        ("--keep-times", "--loop"),
        ("--keep-times", "--end", END),
        ("--demo", "--dry-run"),
        ("--end", "tomorrow"),
        ("--bad", "2"),
        ("--schedules", "0"),
        ("--schedules", "9", "--loop"),
    ],
)
def test_options_that_contradict_each_other_are_refused(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_kept_times_are_warned_about_since_the_tables_no_longer_keep_them() -> None:
    code, output = run("--keep-times", "--dry-run", "--limit", "5")
    assert code == 0
    assert "too_late" in output


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("events.jsonl", '{"event_type":"user.activity"}\n{"event_type":"no.such"}\n'),
        ("events.csv", "event_type,user_id\nuser.activity,1\nno.such,2\n"),
        ("trips.csv", "pickup,dropoff\nyesterday,today\n"),
    ],
)
def test_a_bad_line_is_found_before_anything_is_sent(tmp_path: Path, name: str, text: str) -> None:
    path, log = tmp_path / name, tmp_path / "sent.jsonl"
    path.write_text(text)
    # Nobody listens: the file is looked at first.
    env = {"OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    outcome = CliRunner().invoke(cli, ["replay", str(path), "--json-out", str(log)], env=env)
    assert isinstance(outcome.exception, Rejected)
    assert str(outcome.exception).endswith("; nothing was sent")
    assert log.read_bytes() == b""


def test_fares_are_dollars_unless_said_otherwise(tmp_path: Path) -> None:
    def currencies(*arguments: str) -> set[str | None]:
        path = tmp_path / "out.jsonl"
        assert run("--limit", "30", "--dry-run", "--json-out", str(path), *arguments)[0] == 0
        events = [orjson.loads(orjson.loads(line)["value"]) for line in path.read_bytes().splitlines()]
        return {event.get("currency") for event in events if event.get("event_type") == "booking.created"}

    assert currencies() - {"EUR"} == {"USD"}
    assert {"KES"} < currencies("--currency", "KES") | {"USD"}
    assert {None, "NGN"} <= currencies("--currency", "NGN")
    assert run("--dry-run", "--currency", "naira")[0] == 2


def test_a_file_of_events_is_sent_as_it_is(tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    run("--limit", "10", "--dry-run", "--end", END, "--json-out", str(first), "--bad", "0.2")
    code, output = run(str(first), "--dry-run", "--json-out", str(second))
    assert (code, first.read_bytes()) == (0, second.read_bytes())
    assert " bad" in output
    assert run(str(first), "--loop", "--dry-run")[0] == 2


def test_sends_to_kafka_and_says_that_all_was_acknowledged(fresh_kafka: str, tmp_path: Path) -> None:
    env = {"OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": fresh_kafka}
    code, _ = run("--limit", "10", env=env)
    assert code != 0, "the topics do not exist yet"
    asyncio.run(create(fresh_kafka, [topic.name for topic in TOPICS]))
    path = tmp_path / "sent.jsonl"
    code, output = run("--limit", "10", "--json-out", str(path), env=env)
    assert code == 0
    assert f"{len(path.read_bytes().splitlines()):,} records sent and acknowledged" in output


@pytest.mark.parametrize(
    ("arguments", "signal_number", "code"),
    [
        (("--speed", "1"), signal.SIGINT, 130),
        (("--loop", "--limit", "3"), signal.SIGINT, 0),
        (("--demo",), signal.SIGTERM, 0),
    ],
)
def test_a_signal_stops_it_cleanly(
    fresh_kafka: str, tmp_path: Path, arguments: tuple[str, ...], signal_number: signal.Signals, code: int
) -> None:
    asyncio.run(create(fresh_kafka, [topic.name for topic in TOPICS]))
    path = tmp_path / "sent.jsonl"
    child = subprocess.Popen(
        [sys.executable, "-m", "openride_stream", "replay", *arguments, "--json-out", str(path)],
        env={
            **os.environ,
            "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": fresh_kafka,
            "OPENRIDE_DATA_DIR": str(tmp_path),
        },
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 30
        # Signals are caught before the first record.
        while not (path.exists() and path.stat().st_size):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        child.send_signal(signal_number)
        _, said = child.communicate(timeout=20)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == code
    assert b"Traceback" not in said
    assert ("--demo" in arguments) or b"sent and acknowledged" in said

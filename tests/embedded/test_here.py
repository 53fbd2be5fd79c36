"""A command finds the stack that runs in the data folder, unless it was told of other services."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openride_stream.embedded.folder import StackRecord, locked_folder, pii_key, write_stack
from openride_stream.embedded.here import ADDRESSES, settings_here
from openride_stream.metadata.migrate import upgrade
from openride_stream.settings import Settings

KAFKA, CLICKHOUSE = "127.0.0.1:21001", "http://127.0.0.1:21002"


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ADDRESSES:
        monkeypatch.delenv(f"OPENRIDE_{name.upper()}", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    data_dir = tmp_path / ".openride"
    with locked_folder(data_dir):
        record = StackRecord(KAFKA, CLICKHOUSE, ("http://127.0.0.1:8097",), {}, "2026-01-01T00:00:00.000Z")
        write_stack(data_dir, record)
        yield data_dir


def test_where_nothing_is_set_the_running_stack_is_meant(folder: Path) -> None:
    settings, stack = settings_here()
    assert stack is not None
    assert (settings.kafka_bootstrap_servers, settings.clickhouse_url) == (KAFKA, CLICKHOUSE)
    assert settings.pii_key.get_secret_value() == pii_key(folder)


@pytest.mark.usefixtures("folder")
def test_an_address_that_is_set_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENRIDE_KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    settings, stack = settings_here()
    assert stack is None
    assert settings.kafka_bootstrap_servers == "kafka.example:9092"
    assert settings.clickhouse_url != CLICKHOUSE, "two systems are not mixed"


def test_a_folder_that_is_named_wins_over_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENRIDE_KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    assert settings_here(folder)[0].kafka_bootstrap_servers == KAFKA


def test_a_stack_that_was_killed_is_no_stack(folder: Path) -> None:
    # Its lock is gone, its stack.json is not.
    other = folder.parent / "other"
    with locked_folder(other):
        write_stack(other, StackRecord(KAFKA, CLICKHOUSE, (), {}, ""))
    assert settings_here(other)[1] is None


def emit(*, env: dict[str, str]) -> str:
    event = ["user.activity", "user_id=9b2f1f2e-1111-4222-8333-444455556666", "activity_type=login"]
    return refusal("emit", *event, env=env)


def refusal(*arguments: str, env: dict[str, str]) -> str:
    """The one line on standard error of a command that finds no services."""
    command = [sys.executable, "-m", "openride_stream", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done.stderr
    return done.stderr


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    # Nothing listens there; the folder of the tests' code is found by path, not by where we are.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]))
    return dict(os.environ)


def test_a_broker_that_is_away_is_one_line_that_says_what_else_there_is(
    env: dict[str, str], tmp_path: Path
) -> None:
    assert emit(env=env) == (
        "openride: Kafka at 127.0.0.1:9092 cannot be reached; no stack runs in "
        f"{Path('.openride').absolute()}: start one with "
        "`make up`, or set OPENRIDE_KAFKA_BOOTSTRAP_SERVERS, OPENRIDE_CLICKHOUSE_URL and "
        "OPENRIDE_METADATA_URL to your own services\n"
    )
    data_dir = tmp_path / ".openride"
    with locked_folder(data_dir):
        write_stack(data_dir, StackRecord(KAFKA, CLICKHOUSE, (), {}, ""))
        away = {**env, "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
        assert f"the stack in .openride has Kafka at {KAFKA}" in emit(env=away)


@pytest.mark.parametrize(
    "arguments", [("workers",), ("dlq", "list"), ("replay", "--limit", "1"), ("migrate",)]
)
def test_where_nothing_runs_one_line_says_what_to_do(arguments: tuple[str, ...], env: dict[str, str]) -> None:
    said = refusal(*arguments, env=env)
    here = Path(".openride").absolute()
    assert said.count(f"no stack runs in {here}: start one with `make up`, or set OPENRIDE_KAFKA_BOOT") == 1
    assert list(Path().iterdir()) == [], "a command that finds nothing leaves nothing"


def test_workers_of_a_stack_that_was_stopped_are_not_there_and_that_is_said_once(env: dict[str, str]) -> None:
    Path(".openride").mkdir()
    asyncio.run(upgrade(Settings(_env_file=None).metadata_url))
    said = refusal("workers", env=env)
    assert said.startswith(
        "openride: no worker lives, and Kafka at 127.0.0.1:9092 cannot be reached; no stack"
    )
    assert said.count("no stack runs") == 1

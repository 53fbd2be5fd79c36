import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from openride_stream.cli.up import command
from openride_stream.embedded.folder import locked_folder
from openride_stream.embedded.ports import LOOPBACK, free_port
from openride_stream.errors import ConfigurationError


def up(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "openride_stream", "up", "--data-dir", str(data_dir), *arguments]
    env = os.environ | {f"OPENRIDE_{name}": value for name, value in settings.items()}
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=env)


def test_a_taken_port_is_one_line_and_exit_code_2_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        result = up(tmp_path / "data", "--port", str(port))
    assert result.returncode == 2
    assert result.stderr == (
        f"openride: port {port} on 127.0.0.1 is taken by another program; choose another one with --port N "
        '(`make up ARGS="--port N"`)\n'
    )
    assert result.stdout == ""
    assert not (tmp_path / "data").exists(), "a refusal leaves nothing behind"


def test_a_data_folder_in_use_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with locked_folder(tmp_path):
        result = up(tmp_path, "--port", str(free_port()))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert f"{tmp_path} is in use by pid {os.getpid()}" in result.stderr
    assert result.stdout == ""


def refusal(data_dir: Path | str) -> str:
    """The line by which a start is refused; quicker than `up`, which shows what becomes of such an error."""
    arguments = ["--data-dir", str(data_dir), "--port", str(free_port()), "--no-replay"]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, ConfigurationError)
    assert (result.output, str(result.exception).count("\n")) == ("", 0)
    return str(result.exception)


def test_an_empty_name_is_no_folder(tmp_path: Path) -> None:
    assert "--data-dir is empty" in refusal("")
    result = up(tmp_path, DATA_DIR="")
    assert result.returncode == 2
    assert result.stderr.startswith("openride: OPENRIDE_DATA_DIR")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["a?b=c", "a&b", "50%", "a#b", "o'hara", "a\\b", "a\nb"])
def test_a_name_that_means_something_elsewhere_is_refused_and_not_made(tmp_path: Path, name: str) -> None:
    assert "choose one without" in refusal(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["stack.json", "ports.json", "metadata.db", "pii.key", "lock"])
def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert ("data folder" if name == "lock" else name) in refusal(tmp_path)


@pytest.mark.parametrize("name", ["logs", "clickhouse", "faust"])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    assert f"{name} is a file" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_metadata_store_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metadata.db").write_bytes(content)
    assert "metadata.db cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_key_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pii.key").write_bytes(content)
    assert "pii.key" in refusal(tmp_path)


def test_more_workers_than_partitions_are_refused(tmp_path: Path) -> None:
    result = up(tmp_path, "--port", str(free_port()), "--workers", "99")
    assert result.returncode == 2
    assert "--workers 99" in result.stderr


def test_a_wrong_setting_is_one_line_before_anything_starts(tmp_path: Path) -> None:
    for settings in ({"API_TOKENS": "abc"}, {"FLUSH_ROWS": "many"}):
        result = up(tmp_path / "data", "--port", str(free_port()), **settings)
        assert result.returncode == 2
        assert result.stderr.startswith(f"openride: OPENRIDE_{next(iter(settings))}")
        assert result.stderr.count("\n") == 1
        assert not (tmp_path / "data").exists()

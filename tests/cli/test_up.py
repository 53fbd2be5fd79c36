import os
import socket
import subprocess
import sys
from pathlib import Path

from openride_stream.embedded.folder import locked_folder
from openride_stream.embedded.ports import LOOPBACK, free_port


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
        f"openride: port {port} on 127.0.0.1 is taken by another program; choose another one with --port\n"
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

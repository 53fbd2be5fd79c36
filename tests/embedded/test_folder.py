import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from openride_stream.embedded.folder import (
    StackRecord,
    is_locked,
    locked_folder,
    pii_key,
    read_stack,
    remove_stack,
    write_stack,
)
from openride_stream.errors import ConfigurationError
from tests.embedded.processes import wait_until

RECORD = StackRecord(
    kafka="127.0.0.1:9092",
    clickhouse="http://127.0.0.1:8123",
    web=("http://127.0.0.1:8097",),
    pids={"broker": 7},
    started_at="2026-01-01T00:00:00.000Z",
)


def test_a_folder_in_use_is_refused_with_the_pid_that_has_it(tmp_path: Path) -> None:
    with locked_folder(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(ConfigurationError, match=f"in use by pid {os.getpid()}"), locked_folder(tmp_path):
            pass
    assert not is_locked(tmp_path)
    with locked_folder(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be used"), locked_folder(tmp_path / "file" / "data"):
        pass


def test_a_killed_owner_keeps_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib; from openride_stream.embedded.folder import locked_folder\n"
        "with locked_folder(pathlib.Path(sys.argv[1])): print('locked', flush=True); time.sleep(600)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "locked\n"
        assert is_locked(tmp_path)
        owner.kill()
    wait_until(lambda: not is_locked(tmp_path), "lock released")


def test_the_stack_file_comes_back_as_written_and_is_private(tmp_path: Path) -> None:
    with locked_folder(tmp_path):
        write_stack(tmp_path, RECORD)
        assert read_stack(tmp_path) == RECORD
        assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600
        remove_stack(tmp_path)
        assert read_stack(tmp_path) is None


def test_the_stack_file_of_a_killed_stack_is_not_believed(tmp_path: Path) -> None:
    with locked_folder(tmp_path):
        write_stack(tmp_path, RECORD)
    assert read_stack(tmp_path) is None


def test_the_key_of_personal_data_is_made_once_and_private(tmp_path: Path) -> None:
    key = pii_key(tmp_path)
    assert len(bytes.fromhex(key)) == 32
    assert pii_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "pii.key").stat().st_mode) == 0o600

from pathlib import Path

import pytest

from openride_stream.embedded.children import Child, ChildLog, exit_reason
from openride_stream.embedded.leash import leashed
from tests.embedded.processes import python, wait_until


def test_a_log_over_its_limit_is_set_aside_once(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "worker.log", limit_bytes=100)
    log.path.write_text("x" * 101)
    log.cap()
    assert log.path.read_text() == ""
    assert (tmp_path / "worker.log.1").read_text() == "x" * 101
    log.path.write_text("y" * 100)
    log.cap()
    assert log.path.read_text() == "y" * 100


def test_the_last_lines_are_those_of_the_present_run(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "worker.log")
    log.path.write_text("an earlier run\n")
    child = Child(python("print('one\\n\\ntwo\\nthree\\nfour')"), {}, log)
    wait_until(lambda: child.exit_code is not None, "child ended")
    assert log.last_lines() == ["two", "three", "four"]
    child.kill()


def test_a_reason_is_what_lines_of_json_say(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "worker.log")
    log.path.write_text(
        '{"ts": "2026-01-01", "level": "ERROR", "message": "no [broker]"}\n'
        '{"ts": "2026-01-01", "level": "INFO", "message": "a timer woke up too late"}\n'
        '{"ts": "2026-01-01", "level": "WARNING", "message": "a timer woke up much too late"}\n'
        '{"at": "2026-01-01", "event": "cannot start", "reason": "folder in use"}\n{"a": 1}\n7\n'
    )
    assert log.last_lines() == ["cannot start: folder in use", '{"a": 1}', "7"]


def test_what_was_said_by_a_start_that_went_well_explains_no_end(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "broker.log")
    log.path.write_text("listening\nready in 0 ms\n")
    log.skip()
    assert log.last_lines() == []
    with log.path.open("a") as more:
        more.write("panicked\n")
    assert log.last_lines() == ["panicked"]


@pytest.mark.parametrize(
    ("code", "lines", "reason"),
    [
        (2, ["a", "b"], "exit code 2: a | b"),
        (-9, ["something else"], "signal SIGKILL"),
        (-6, ["out of memory"], "signal SIGABRT: out of memory"),
        (0, ["x"], "exit code 0: x"),
    ],
)
def test_a_reason_names_the_exit_code_or_signal(code: int, lines: list[str], reason: str) -> None:
    assert exit_reason(code, lines) == reason


def test_a_leashed_child_keeps_its_exit_code_and_memory_limit(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "greedy.log")
    child = Child(leashed(python("b'x' * (1 << 30)"), memory_limit_bytes=1 << 28), {}, log)
    wait_until(lambda: child.exit_code is not None, "child ended")
    assert child.exit_code == 1
    assert log.last_lines()[-1] == "MemoryError"
    child.kill()


def test_a_leash_to_a_parent_that_is_gone_starts_nothing(tmp_path: Path) -> None:
    child = Child(leashed(python("print('never')"), parent_pid=1), {}, ChildLog(tmp_path / "orphan.log"))
    wait_until(lambda: child.exit_code is not None, "child ended")
    assert child.exit_code == 3
    assert (tmp_path / "orphan.log").read_text() == ""
    child.kill()

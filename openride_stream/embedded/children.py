"""One child process: how it is started, what it writes, how it ended, how it is stopped."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

POLL_INTERVAL_S: Final = 0.05
LOG_LIMIT_BYTES: Final = 20 * 1024 * 1024
_TAIL_BYTES: Final = 8192
_REASON_LINES: Final = 3
_REASON_LINE_CHARS: Final = 300
_OF_EVERY_DAY: Final = frozenset({"DEBUG", "INFO", "WARNING"})
# Sent from outside: the child did not see them coming, so what it said last is about something else.
_FROM_OUTSIDE: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_ANSI_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


class ChildLog:
    """A child's output: one file that the child appends to itself, and one older file beside it.

    The child holds the file open, so the file is capped by copying and emptying it rather than by
    renaming; lines written between the two are lost, and only then.
    """

    def __init__(self, path: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
        self.path = path
        self._limit_bytes = limit_bytes
        self._run_begins_at = 0
        path.parent.mkdir(parents=True, exist_ok=True)

    def open(self) -> int:
        """A file descriptor that a child may append to; the caller closes it. A new run begins here."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._run_begins_at = os.fstat(descriptor).st_size
        return descriptor

    def cap(self) -> None:
        """Move the content aside when the file is over its limit."""
        if self.path.exists() and self.path.stat().st_size > self._limit_bytes:
            shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            os.truncate(self.path, 0)
            self._run_begins_at = 0

    def skip(self) -> None:
        """What was said up to now is of a start that went well: it explains no end."""
        if self.path.exists():
            self._run_begins_at = self.path.stat().st_size

    def last_lines(self) -> list[str]:
        """The last lines of the present run that may say why it ended, cut to a readable length.

        They are without colours; empty lines and log lines below ERROR are left out.
        """
        with self.path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._run_begins_at, size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        lines = [line.strip() for line in _ANSI_COLOURS.sub("", text).splitlines()]
        said = [_plain(line)[:_REASON_LINE_CHARS] for line in lines]
        return [line for line in said if line][-_REASON_LINES:]


def _plain(line: str) -> str:
    """What a line of JSON says to a person, "" for one below ERROR; any other line as it is."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    if not isinstance(fields, dict):
        return line
    if fields.get("level") in _OF_EVERY_DAY:
        return ""
    said = [str(fields[name]) for name in ("message", "event", "reason") if fields.get(name)]
    return ": ".join(said) or line


class Child:
    """A running child in a session of its own, so that a terminal's Ctrl-C reaches only its supervisor."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], log: ChildLog) -> None:
        descriptor = log.open()
        try:
            self._process = subprocess.Popen(
                argv,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; −N when signal N ended it."""
        return self._process.poll()

    async def stop(self, within_s: float) -> None:
        """SIGTERM, after `within_s` seconds SIGKILL; then whatever it has started itself is killed too."""
        if self.exit_code is None:
            self._process.terminate()
            deadline = asyncio.get_running_loop().time() + within_s
            # Polled: a pid has no event that works on every platform.
            while self.exit_code is None and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(POLL_INTERVAL_S)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group, and wait for the child itself."""
        # Nobody may be left in the group (of which macOS says: not permitted).
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def exit_reason(exit_code: int, last_lines: Sequence[str]) -> str:
    """Why a child ended, in one line: its exit code or signal and the last it had to say about it."""
    if -exit_code in _FROM_OUTSIDE:
        last_lines = ()
    how = f"exit code {exit_code}" if exit_code >= 0 else f"signal {signal.Signals(-exit_code).name}"
    return f"{how}: {' | '.join(last_lines)}" if last_lines else how

"""Our end of a pipe to the engine, awaited without a thread.

The event loop only watches the descriptor. Handing it to a transport instead would give it two owners, and a
number closed twice may by then be somebody else's.
"""

import asyncio
import fcntl
import os
from contextlib import suppress
from typing import Final

CHUNK_BYTES: Final = 1024 * 1024
_F_SETPIPE_SZ: Final = getattr(fcntl, "F_SETPIPE_SZ", None)


def open_pipe() -> tuple[int, int]:
    """A pipe (read end, write end), as large as the system lets us."""
    read_end, write_end = os.pipe()
    if _F_SETPIPE_SZ is not None:
        # Refused beyond the system's limit for all our pipes: the default size works, more slowly.
        with suppress(OSError):
            fcntl.fcntl(write_end, _F_SETPIPE_SZ, CHUNK_BYTES)
    return read_end, write_end


class PipeReader:
    """The end from which we read; owns the descriptor."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = asyncio.get_running_loop()

    async def read(self) -> bytes:
        """Up to `CHUNK_BYTES`; b"" at the end."""
        while True:
            try:
                return os.read(self._fd, CHUNK_BYTES)
            except BlockingIOError:
                await self._readable()

    async def _readable(self) -> None:
        ready = self._loop.create_future()
        self._loop.add_reader(self._fd, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(self._fd)

    def close(self) -> None:
        """Close; the engine's next write fails. May be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class PipeWriter:
    """The end into which we write; owns the descriptor."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = asyncio.get_running_loop()

    async def write(self, chunk: bytes) -> None:
        """Write all of it.

        Raises:
            BrokenPipeError: the engine stopped reading (its error is the one to report).
        """
        rest = memoryview(chunk)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                await self._writable()

    async def _writable(self) -> None:
        ready = self._loop.create_future()
        self._loop.add_writer(self._fd, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_writer(self._fd)

    def close(self) -> None:
        """Close; the engine sees the end of the rows. May be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)

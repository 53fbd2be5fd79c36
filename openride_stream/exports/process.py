"""A writing process, from the worker's side: started, listened to, and ended with whoever wanted the file."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from openride_stream.exports.writing.task import Told, WritingTask

_MODULE: Final = "openride_stream.exports.writing"
_ENDS_WITHIN_S: Final = 5.0


class Writing:
    """A process that runs; `told` are its words, until the last."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self.silent = False

    async def told(self) -> AsyncIterator[Told]:
        """What it says, as it says it. The last word has `done` or `error`, also when it dies without one."""
        assert self._child.stdout is not None
        last = Told()
        while line := await self._child.stdout.readline():
            last = Told.load(line)
            yield last
        self.silent = True
        if not last.done and not last.error:
            code = await self._child.wait()
            # Killed from outside, for its memory as a rule: that may not be so the next time.
            yield Told(error=f"the writing process ended with {code} before it was done", transient=True)


@asynccontextmanager
async def writing(task: WritingTask) -> AsyncIterator[Writing]:
    """Run `task`, with temporary files beside its file. Leaving the block ends it, and its query."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stdin is not None
        with suppress(ConnectionError):
            child.stdin.write(task.dump() + b"\n")
            await child.stdin.drain()
        yield (process := Writing(child))
        if process.silent:
            # It has said its last word and is about to end: a signal would only get in the way of that.
            with suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), _ENDS_WITHIN_S)
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
        await asyncio.shield(child.wait())

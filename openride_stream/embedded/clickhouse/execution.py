"""Statements in threads, rows over pipes: the asynchronous side of the engine."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from openride_stream.embedded.clickhouse.admission import Admission
from openride_stream.embedded.clickhouse.engine import Engine
from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code
from openride_stream.embedded.clickhouse.pipes import PipeReader, PipeWriter, open_pipe
from openride_stream.embedded.clickhouse.session import Outcome, Session
from openride_stream.embedded.clickhouse.statements import Statement

Rows = AsyncIterator[bytes]
INFLATED_LIMIT_BYTES: Final = 256 * 1024 * 1024
_KILLED_GRACE_S: Final = 2.0
_KILL_RETRY_S: Final = 0.005


class RowStream:
    """The bytes of a running SELECT; `outcome` once they have ended."""

    def __init__(self, reader: PipeReader, running: "asyncio.Future[Outcome]") -> None:
        self._reader = reader
        self._running = running

    async def chunks(self) -> Rows:
        """The answer's bytes, as the engine writes them."""
        while chunk := await self._reader.read():
            yield chunk

    async def outcome(self) -> Outcome:
        """The counts; raises the error with which the statement ended."""
        return await self._running


class Execution:
    """Runs statements, at most `admission.running_limit` at once.

    Args:
        engine: the engine.
        admission: who may run.
        on_abort: called when the engine says that it stopped for good (code 236).
    """

    def __init__(self, engine: Engine, admission: Admission, on_abort: Callable[[str], None]) -> None:
        self._engine = engine
        self._admission = admission
        self._on_abort = on_abort
        self._threads = ThreadPoolExecutor(admission.running_limit, "statement")
        self._killer = ThreadPoolExecutor(1, "kill")
        self._leaving: set[asyncio.Future[None]] = set()

    async def inflate(self, body: bytes, compression: str, query_id: str) -> bytes:
        """Decompress a statement; the engine knows every coding that clients use.

        Raises:
            ClickHouseError: the body is not what its header says, or grows beyond `INFLATED_LIMIT_BYTES`.
        """
        session = Session(query_id, settings={"max_memory_usage": str(INFLATED_LIMIT_BYTES)})
        await self._admission.enter(query_id)
        read_end, write_end = open_pipe()
        writer = PipeWriter(write_end)
        running = self._start(session, lambda: self._engine.inflate(session, compression, read_end))
        async with self._killed_if_left(session, running, writer.close):
            await _feed_while(running, _feed(writer, _once(body)))
            writer.close()
            return (await asyncio.shield(running)).body

    async def run(self, statement: Statement, session: Session, default_format: str) -> Outcome:
        """Run a statement whose answer fits in memory."""
        await self._admission.enter(session.query_id)
        running = self._start(session, lambda: self._engine.run(statement, session, default_format))
        async with self._killed_if_left(session, running):
            return await asyncio.shield(running)

    @asynccontextmanager
    async def select(
        self, statement: Statement, session: Session, output_format: str, compression: str
    ) -> AsyncIterator[RowStream]:
        """Run a SELECT; leaving the block before its end kills it."""
        await self._admission.enter(session.query_id)
        read_end, write_end = open_pipe()
        reader = PipeReader(read_end)
        running = self._start(
            session, lambda: self._engine.select(statement, session, output_format, compression, write_end)
        )
        async with self._killed_if_left(session, running, reader.close):
            yield RowStream(reader, running)

    async def insert(self, statement: Statement, session: Session, compression: str, rows: Rows) -> Outcome:
        """Run an INSERT with these rows; when `rows` raises, the block being read is not inserted."""
        await self._admission.enter(session.query_id)
        read_end, write_end = open_pipe()
        writer = PipeWriter(write_end)
        running = self._start(session, lambda: self._engine.insert(statement, session, compression, read_end))
        async with self._killed_if_left(session, running, writer.close):
            await _feed_while(running, _feed(writer, rows))
            writer.close()
            return await asyncio.shield(running)

    def _start(self, session: Session, call: Callable[[], Outcome]) -> "asyncio.Future[Outcome]":
        running = asyncio.get_running_loop().run_in_executor(self._threads, call)
        running.add_done_callback(lambda done: self._finished(session, done))
        return running

    def _finished(self, session: Session, done: "asyncio.Future[Outcome]") -> None:
        self._admission.leave(session.query_id)
        error = None if done.cancelled() else done.exception()
        if isinstance(error, ClickHouseError) and error.code == Code.ABORTED:
            self._on_abort(error.message)

    @asynccontextmanager
    async def _killed_if_left(
        self, session: Session, running: "asyncio.Future[Outcome]", close: Callable[[], None] = lambda: None
    ) -> AsyncIterator[None]:
        try:
            yield
        finally:
            leaving = asyncio.ensure_future(self._leave(session, running, close))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            await asyncio.shield(leaving)

    async def _leave(
        self, session: Session, running: "asyncio.Future[Outcome]", close: Callable[[], None]
    ) -> None:
        # Kill before the pipe is closed: the end of the file alone would commit an insert's rows so far.
        try:
            while not running.done() and not await self._kill(session.query_id):
                await asyncio.wait({running}, timeout=_KILL_RETRY_S)
        finally:
            close()

    async def _kill(self, query_id: str) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._killer, self._engine.kill, query_id)

    async def stop(self, grace_s: float) -> bool:
        """Let nothing new in, wait for what runs, then kill it.

        Returns:
            Whether everything has ended, so that the engine may be closed.
        """
        self._admission.close()
        if not await self._admission.drained(grace_s):
            for query_id in self._admission.running():
                await self._kill(query_id)
        ended = await self._admission.drained(_KILLED_GRACE_S)
        self._threads.shutdown(wait=False)
        self._killer.shutdown(wait=False)
        return ended


async def _once(body: bytes) -> Rows:
    yield body


async def _feed(writer: PipeWriter, rows: Rows) -> None:
    # A broken pipe means that the engine has given up; its own error is the one to report.
    with suppress(BrokenPipeError):
        async for chunk in rows:
            await writer.write(chunk)


async def _feed_while(running: "asyncio.Future[Outcome]", feed: Coroutine[None, None, None]) -> None:
    """Feed until the rows end or the engine stops, whichever is first; raises what the rows raised."""
    feeding = asyncio.ensure_future(feed)
    try:
        either: set[asyncio.Future[Any]] = {feeding, running}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()
    finally:
        feeding.cancel()
        await asyncio.wait({feeding})

"""The process: folder, engine, HTTP server, and the way out."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

from openride_stream.embedded.clickhouse.admission import Admission
from openride_stream.embedded.clickhouse.config import write_config
from openride_stream.embedded.clickhouse.engine import Engine
from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.execution import Execution
from openride_stream.embedded.clickhouse.http import Frontend
from openride_stream.embedded.clickhouse.lifetime import (
    StartError,
    claim_folder,
    claim_port,
    on_signals,
    parent_gone,
)
from openride_stream.embedded.clickhouse.log import log
from openride_stream.embedded.clickhouse.policy import Policy

STOP_GRACE_S: Final = 3.0
# As the server: long IN lists and parameters travel in the URL.
URL_LIMIT_BYTES: Final = 1024 * 1024
PATIENCE_S: Final = 30.0
# EX_SOFTWARE: the supervisor sees that this was no order to stop.
ENGINE_STOPPED_EXIT: Final = 70


@dataclass(frozen=True, slots=True)
class Options:
    """How to run; see the command line's help."""

    folder: Path
    port: int
    memory_limit_bytes: int
    parent_pid: int = 0
    concurrency: int = 16
    queue: int = 256
    password: str = field(default="", repr=False)


async def serve(options: Options) -> int:
    """Serve until told to stop; returns the exit code.

    Raises:
        StartError: the folder or the port is taken, or the engine cannot open the folder.
    """
    with claim_folder(options.folder), claim_port(options.port) as listener:
        engine = _open_engine(options)
        stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        on_signals(lambda reason: _settle(stop, reason))
        admission = Admission(options.concurrency, options.queue, PATIENCE_S)
        execution = Execution(engine, admission, _exit_at_once)
        frontend = Frontend(execution, Policy(engine.table_functions), engine.version, options.password)
        async with _listening(frontend, listener):
            log("serving", port=listener.getsockname()[1], path=str(options.folder), version=engine.version)
            watching = asyncio.ensure_future(_watch_parent(options.parent_pid, stop))
            log("stopping", reason=await stop)
            watching.cancel()
            listener.close()
            ended = await execution.stop(STOP_GRACE_S)
        log("stopped", every_statement_ended=ended)
        if not ended:
            # A thread that does not come back would hold the exit, and closing under it is not safe.
            os._exit(0)
        engine.close()
        return 0


@asynccontextmanager
async def _listening(frontend: Frontend, listener: socket.socket) -> AsyncIterator[None]:
    runner = web.AppRunner(
        frontend.application(),
        access_log=None,
        # A client that goes away cancels its request, and with it the statement.
        handler_cancellation=True,
        # Bodies go to the engine as they are: it decompresses them in its own threads.
        auto_decompress=False,
        max_line_size=URL_LIMIT_BYTES,
        max_field_size=URL_LIMIT_BYTES,
        shutdown_timeout=0,
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield
    finally:
        await runner.cleanup()


def _open_engine(options: Options) -> Engine:
    try:
        return Engine(options.folder, write_config(options.folder, options.memory_limit_bytes))
    except (ClickHouseError, OSError) as error:
        msg = f"the engine cannot open {options.folder}: {error}"
        raise StartError(msg) from error


def _settle(stop: "asyncio.Future[str]", reason: str) -> None:
    if not stop.done():
        stop.set_result(reason)


async def _watch_parent(parent_pid: int, stop: "asyncio.Future[str]") -> None:
    if parent_pid:
        await parent_gone(parent_pid)
        _settle(stop, "the parent has ended")


def _exit_at_once(message: str) -> None:
    """The engine has aborted while the process lives: nothing works any more but a new start."""
    log("engine aborted", reason=message)
    os._exit(ENGINE_STOPPED_EXIT)

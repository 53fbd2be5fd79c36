"""The connection to the metadata store: PostgreSQL, or SQLite in the embedded stack."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from openride_stream.errors import ConfigurationError
from openride_stream.metadata.failures import translated

DRIVERS: Final = ("sqlite+aiosqlite", "postgresql+asyncpg")
_READS: Final = "openride_reads"
_CONNECT_TIMEOUT_S: Final = 5.0
_CLOSE_WITHIN_S: Final = 1.0
_COMMAND_TIMEOUT_S: Final = 15.0
_OTHERS: Final = 0o007
T = TypeVar("T")


class Metadata:
    """The metadata store of this process: one pool, opened at the first use.

    Every method raises `MetadataUnavailable` when the store is away, locked or too slow.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._open: set[asyncio.Task[Any]] = set()

    @classmethod
    def open(cls, url: str) -> Self:
        """A store at a SQLAlchemy `url` of one of `DRIVERS`; a SQLite file's folder is created.

        Nothing is connected yet. Raises `ConfigurationError` for any other URL.
        """
        return cls(create_engine(url))

    async def close(self) -> None:
        """Close every pooled connection; transactions of callers that are gone have a second to end."""
        if self._open:
            await asyncio.wait(self._open, timeout=_CLOSE_WITHIN_S)
        await self._engine.dispose()

    async def ping(self) -> None:
        """Ask the store for an answer; returns when there is one."""
        await self.write(_answer)

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Do `work` in one transaction: to its end, also when the caller is cancelled meanwhile.

        A statement that is cancelled on its way leaves a SQLite connection behind that keeps the lock until
        the collector comes to it, and everybody out.
        """
        return await self._to_its_end(self.begin(), work)

    async def read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """The same in a transaction that only reads: no writer holds it up, not even a frozen one."""
        return await self._to_its_end(self._reading(), work)

    async def _to_its_end(
        self,
        transaction: AbstractAsyncContextManager[AsyncConnection],
        work: Callable[[AsyncConnection], Awaitable[T]],
    ) -> T:
        async def done() -> T:
            async with transaction as connection:
                return await work(connection)

        task = asyncio.create_task(done())
        self._open.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._open.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited for it may be gone

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Talk to the store only, in the block: an `OSError` in it counts as the store's. Whoever may be
        cancelled uses `write`.
        """
        with translated():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        with translated():
            async with self._engine.connect() as connected:
                connection = await connected.execution_options(**{_READS: True})
                async with connection.begin():
                    yield connection

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name


async def _answer(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT 1"))


def create_engine(
    url: str, lock_timeout_s: float = 10.0, command_timeout_s: float | None = _COMMAND_TIMEOUT_S
) -> AsyncEngine:
    """An engine for `url`.

    It waits `lock_timeout_s` for a lock and, on PostgreSQL, `command_timeout_s` for a statement.
    """
    parsed = _parse(url)
    if parsed.drivername == "postgresql+asyncpg":
        connect_args: dict[str, Any] = {
            "timeout": _CONNECT_TIMEOUT_S,
            "command_timeout": command_timeout_s,
            "server_settings": {"lock_timeout": f"{lock_timeout_s * 1000:.0f}", "timezone": "UTC"},
        }
        return create_async_engine(parsed, pool_pre_ping=True, pool_size=5, connect_args=connect_args)
    _create_folder(parsed)
    engine = create_async_engine(parsed, connect_args={"timeout": lock_timeout_s})
    path = Path(parsed.database or "")
    event.listen(engine.sync_engine, "do_connect", lambda *_: _keep_private(path))
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        message = f"OPENRIDE_METADATA_URL is not a URL; expected one of {', '.join(DRIVERS)}"
        raise ConfigurationError(message) from None
    if parsed.drivername not in DRIVERS:
        message = f"OPENRIDE_METADATA_URL: {parsed.drivername!r} is not one of {', '.join(DRIVERS)}"
        raise ConfigurationError(message)
    if parsed.drivername == DRIVERS[0] and parsed.database in {None, "", ":memory:"}:
        message = "OPENRIDE_METADATA_URL: several processes share the store, so SQLite needs a file"
        raise ConfigurationError(message)
    return parsed


def _create_folder(url: URL) -> None:
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"OPENRIDE_METADATA_URL: cannot create the folder {folder}: {error.strerror}"
        raise ConfigurationError(message) from error


def _keep_private(path: Path) -> None:
    """Addresses of people and what they are sent are in it; what SQLite puts beside it gets its rights."""
    with suppress(OSError):  # it is somebody else's; whether it can be opened is seen when it is
        path.touch(mode=0o600)
        if (rights := path.stat().st_mode & 0o777) & _OTHERS:
            path.chmod(rights & ~_OTHERS)


def _prepare_sqlite(dbapi_connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver's own BEGIN comes late and never before DDL; `_begin_immediate` sends ours.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # Taking the write lock first makes a second writer wait; a deferred transaction that read before it
    # wrote would fail at once with "database is locked", whatever the time-out.
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

"""Migrations of the metadata store: forward only, one process at a time, all or nothing."""

import asyncio
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from openride_stream.metadata.engine import create_engine
from openride_stream.metadata.failures import translated

_SCRIPTS: Final = Path(__file__).parent / "alembic"
# Any number, the same in every release: whoever holds it on PostgreSQL is migrating.
_ADVISORY_LOCK: Final = 7_269_812_046_115_043
_LOCK_TIMEOUT_S: Final = 60.0
# Alembic keeps the environment of a running migration in a module global. A lock serves one event loop only.
_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def upgrade(url: str) -> str:
    """Bring the store at `url` to `head()` and return that revision; the schema is created when missing.

    Safe when several processes start it at once: the others wait up to 60 s and then find nothing to do.
    Everything is one transaction, so a failed migration leaves the store as it was. Raises
    `MetadataUnavailable` when the store is away or stays locked.
    """
    engine = create_engine(url, lock_timeout_s=_LOCK_TIMEOUT_S, command_timeout_s=None)
    try:
        async with _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            with translated():
                async with engine.begin() as connection:
                    if engine.dialect.name == "postgresql":
                        await connection.execute(
                            text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK}
                        )
                    # On SQLite the transaction itself holds the write lock from its first statement.
                    await connection.run_sync(_upgrade_to_head)
    finally:
        await engine.dispose()
    return head()


async def current(url: str) -> str | None:
    """The revision that the store at `url` is at; None when nothing was ever migrated."""
    engine = create_engine(url)
    try:
        with translated():
            async with engine.connect() as connection:
                return await connection.run_sync(_current_revision)
    finally:
        await engine.dispose()


def head() -> str:
    """The revision that this release needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "the package holds at least one migration"
    return revision


def _current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    # A percent sign is interpolation to Alembic, and may stand in a folder's name.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _upgrade_to_head(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

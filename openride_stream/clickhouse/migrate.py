"""Bring ClickHouse to this version's schema: forward only, once, whoever starts first.

The lock is a table: CREATE TABLE without IF NOT EXISTS succeeds for exactly one caller. Its comment says
who holds it and until when, so that a holder that died is overtaken.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrations import Migration, all_migrations, head
from openride_stream.clickhouse.retention import apply_retention
from openride_stream.clock import Clock, SystemClock
from openride_stream.errors import Fatal, StoreRefused
from openride_stream.settings import Settings

TABLE_ALREADY_EXISTS = 57
_LEASE_MS = 120_000


async def migrate(
    store: ClickHouse, settings: Settings, clock: Clock | None = None, *, expire: bool = False
) -> list[Migration]:
    """Apply what is missing and return it; safe to call from several processes at once.

    `expire`: months that wait for an archive which is off expire again (see `apply_retention`).
    """
    database = settings.clickhouse_database
    on_cluster = f"ON CLUSTER '{settings.clickhouse_cluster}'" if settings.clickhouse_cluster else ""
    await store.execute(f"CREATE DATABASE IF NOT EXISTS {database} {on_cluster} ENGINE = Atomic")
    replicated = "Replicated" if settings.clickhouse_cluster else ""
    await store.execute(
        f"CREATE TABLE IF NOT EXISTS {database}.schema_migrations {on_cluster} "
        "(version UInt32, name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) "
        f"ENGINE = {replicated}ReplacingMergeTree ORDER BY version"
    )
    async with _lock(store, database, clock or SystemClock()):
        missing = await _missing(store, database)
        for migration in missing:
            await _apply(store, settings, migration)
        await apply_retention(store, settings, expire=expire)
    return missing


async def current_version(store: ClickHouse, database: str) -> int:
    """The newest applied version; 0 when there is no schema yet."""
    try:
        rows = await store.select(f"SELECT max(version) AS version FROM {database}.schema_migrations")
    except StoreRefused as error:
        if error.code in (60, 81):  # UNKNOWN_TABLE, UNKNOWN_DATABASE
            return 0
        raise
    return int(rows[0]["version"])


async def _missing(store: ClickHouse, database: str) -> list[Migration]:
    version = await current_version(store, database)
    if version > head():
        message = (
            f"ClickHouse has schema version {version}, this program knows {head()}: "
            "run a newer openride-stream"
        )
        raise Fatal(message)
    return [migration for migration in all_migrations() if migration.version > version]


async def _apply(store: ClickHouse, settings: Settings, migration: Migration) -> None:
    for statement in migration.statements(settings):
        try:
            await store.execute(statement)
        except StoreRefused as error:
            # A migration that died half way is begun again: what it had created stays.
            if error.code != TABLE_ALREADY_EXISTS:
                raise
    await store.execute(
        f"INSERT INTO {settings.clickhouse_database}.schema_migrations (version, name) "
        f"VALUES ({migration.version}, '{migration.name}')"
    )


@asynccontextmanager
async def _lock(store: ClickHouse, database: str, clock: Clock) -> AsyncIterator[None]:
    deadline_s = clock.monotonic_s() + 2 * _LEASE_MS / 1000
    while not await _try_lock(store, database, clock):
        if clock.monotonic_s() > deadline_s:
            message = f"another migration holds the lock: see the comment of {database}.schema_lock"
            raise Fatal(message)
        await asyncio.sleep(0.2)
    try:
        yield
    finally:
        await store.execute(f"DROP TABLE IF EXISTS {database}.schema_lock SYNC")


async def _try_lock(store: ClickHouse, database: str, clock: Clock) -> bool:
    until_ms = clock.now_ms() + _LEASE_MS
    owner = f"{socket.gethostname()}:{os.getpid()}"
    try:
        await store.execute(
            f"CREATE TABLE {database}.schema_lock (x UInt8) ENGINE = MergeTree ORDER BY x "
            f"COMMENT '{until_ms} {owner}'"
        )
    except StoreRefused as error:
        if error.code != TABLE_ALREADY_EXISTS:
            raise
    else:
        return True
    rows = await store.select(
        "SELECT comment FROM system.tables WHERE database = {database:String} AND name = 'schema_lock'",
        {"database": database},
    )
    if rows and int(rows[0]["comment"].split(" ", 1)[0]) < clock.now_ms():
        await store.execute(f"DROP TABLE IF EXISTS {database}.schema_lock SYNC")
    return False

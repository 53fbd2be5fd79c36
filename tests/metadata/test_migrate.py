"""Migrations give the declared schema, once, whoever starts them."""

import asyncio
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from openride_stream.errors import MetadataUnavailable
from openride_stream.metadata import migrate
from openride_stream.metadata.engine import create_engine
from openride_stream.metadata.models import Base


async def test_upgrade_from_nothing_and_again(empty_metadata_url: str) -> None:
    assert await migrate.current(empty_metadata_url) is None
    assert await migrate.upgrade(empty_metadata_url) == migrate.head()
    assert await migrate.upgrade(empty_metadata_url) == migrate.head()
    assert await migrate.current(empty_metadata_url) == migrate.head()


async def test_migrations_give_the_declared_tables(metadata_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    engine = create_engine(metadata_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_several_processes_at_once(empty_metadata_url: str) -> None:
    program = (
        "import asyncio, sys; from openride_stream.metadata.migrate import upgrade; "
        "print(asyncio.run(upgrade(sys.argv[1])))"
    )

    async def start() -> tuple[int | None, bytes, bytes]:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            empty_metadata_url,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate()
        return child.returncode, out.strip(), err

    for code, out, err in await asyncio.gather(*(start() for _ in range(3))):
        assert (code, out) == (0, migrate.head().encode()), err.decode()


async def test_two_tasks_of_one_process_at_once(empty_metadata_url: str) -> None:
    assert (
        await asyncio.gather(*(migrate.upgrade(empty_metadata_url) for _ in range(3))) == [migrate.head()] * 3
    )


async def test_a_failed_migration_leaves_the_store_as_it_was(
    empty_metadata_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = migrate._upgrade_to_head

    def fail_at_the_end(connection: Connection) -> None:
        real(connection)
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "_upgrade_to_head", fail_at_the_end)
        with pytest.raises(RuntimeError):
            await migrate.upgrade(empty_metadata_url)
    engine = create_engine(empty_metadata_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []
    await engine.dispose()
    assert await migrate.upgrade(empty_metadata_url) == migrate.head()


async def test_a_store_that_stays_locked_is_an_outage(
    empty_metadata_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_LOCK_TIMEOUT_S", 0.1)
    engine = create_engine(empty_metadata_url)
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": migrate._ADVISORY_LOCK})
        with pytest.raises(MetadataUnavailable):
            await migrate.upgrade(empty_metadata_url)
    await engine.dispose()

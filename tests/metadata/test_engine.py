"""The store opens lazily, keeps transactions whole and says when it is away."""

import asyncio
import gc
import random
import socket
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from openride_stream.errors import ConfigurationError, MetadataUnavailable
from openride_stream.metadata.engine import Metadata, create_engine


async def test_ping_answers(metadata: Metadata) -> None:
    await metadata.ping()


async def test_a_block_that_raises_leaves_nothing_behind(metadata: Metadata) -> None:
    insert = text(
        "INSERT INTO job_runs (job, slot, worker, started_at, lease_until) "
        "VALUES ('a', 'b', 'c', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
    )
    with pytest.raises(RuntimeError):  # noqa: PT012 - the block is what is tested
        async with metadata.begin() as connection:
            await connection.execute(insert)
            raise RuntimeError
    async with metadata.begin() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM job_runs"))).scalar_one() == 0


async def test_concurrent_writers_wait_for_each_other(metadata: Metadata) -> None:
    """Read, then write: on SQLite a deferred transaction would fail at once with a locked database."""

    async def write(slot: int) -> None:
        async with metadata.begin() as connection:
            await connection.execute(text("SELECT count(*) FROM job_runs"))
            await connection.execute(
                text(
                    "INSERT INTO job_runs (job, slot, worker, started_at, lease_until) "
                    "VALUES ('a', :slot, 'c', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
                ),
                {"slot": str(slot)},
            )

    await asyncio.gather(*(write(slot) for slot in range(20)))
    async with metadata.begin() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM job_runs"))).scalar_one() == 20


async def test_a_wrong_statement_is_no_outage(metadata: Metadata) -> None:
    with pytest.raises((OperationalError, ProgrammingError)):
        async with metadata.begin() as connection:
            await connection.execute(text("SELECT * FROM missing"))


async def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    for given in (None, 0o644, 0o640):
        if given is not None:
            path.chmod(given)
        metadata = Metadata.open(f"sqlite+aiosqlite:///{path}")
        assert path.exists() is (given is not None), "nothing is made before it is needed"
        await metadata.ping()
        assert path.stat().st_mode & 0o777 == (0o600 if given is None else 0o640)
        assert all(beside.stat().st_mode & 0o007 == 0 for beside in tmp_path.iterdir())  # noqa: ASYNC240
        await metadata.close()


async def test_a_locked_file_is_an_outage(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/metadata.db"
    holder = Metadata.open(url)
    waiting = Metadata(create_engine(url, lock_timeout_s=0.05))
    async with holder.begin():
        with pytest.raises(MetadataUnavailable, match="locked"):
            await waiting.ping()
    await waiting.ping()
    await waiting.close()
    await holder.close()


async def test_a_server_that_refuses_is_an_outage() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        store = Metadata.open(f"postgresql+asyncpg://nobody@127.0.0.1:{taken.getsockname()[1]}/none")
        with pytest.raises(MetadataUnavailable):
            await store.ping()
        await store.close()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("nonsense", "is not a URL"),
        ("mysql://127.0.0.1/x", "'mysql'"),
        ("sqlite:///x.db", "'sqlite'"),
        ("sqlite+aiosqlite:///:memory:", "needs a file"),
        ("sqlite+aiosqlite://", "needs a file"),
        ("sqlite+aiosqlite:////dev/null/x/metadata.db", "/dev/null/x"),
    ],
)
def test_a_url_that_cannot_work_is_named_at_once(url: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Metadata.open(url)


async def test_writers_that_are_cancelled_keep_nobody_out(tmp_path: Path) -> None:
    """Wherever they were: waiting for the lock, having just got it, in the middle of a statement."""
    stores = [Metadata.open(f"sqlite+aiosqlite:///{tmp_path}/metadata.db") for _ in range(3)]
    drawn = random.Random(20_261_129)

    async def made(connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE rows (value)"))

    async def added(connection: AsyncConnection) -> None:
        (await connection.execute(text("INSERT INTO rows VALUES (1) RETURNING value"))).first()

    await stores[0].write(made)
    gc.disable()  # what a cancelled one left behind would be collected some time, or never
    try:
        for _ in range(60):
            writing = [asyncio.create_task(drawn.choice(stores).write(added)) for _ in range(4)]
            await asyncio.sleep(drawn.random() * 0.02)
            for task in drawn.sample(writing, k=2):
                task.cancel()
            found = await asyncio.gather(*writing, return_exceptions=True)
            assert {type(each) for each in found} <= {type(None), asyncio.CancelledError}
    finally:
        gc.enable()
        await asyncio.gather(*[store.close() for store in stores])

"""Whoever archives may die anywhere: what there is then is whole, and the next run ends as it would have."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from openride_stream.archive.months import months_of
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.storage.folder import Folder
from tests.archive.conftest import MONTH, Vault, ride
from tests.exports.conftest import until
from tests.fixtures.web import fill

pytestmark = pytest.mark.asyncio(loop_scope="package")

CHANGES = ((ClickHouse, "execute"), (ClickHouse, "insert"), (Folder, "put"), (Folder, "remove"))


class Killed(BaseException):
    """As if by a signal: nobody catches it."""


@contextmanager
def killed_at(step: int) -> Iterator[list[int]]:
    """Whatever changes something is not called any more from the step on; the list has how many were."""
    done = [0]
    with pytest.MonkeyPatch.context() as patch:
        for kind, name in CHANGES:
            real = getattr(kind, name)

            async def change(self: Any, *given: Any, real: Any = real, **more: Any) -> Any:
                if done[0] >= step:
                    raise Killed
                done[0] += 1
                return await real(self, *given, **more)

            patch.setattr(kind, name, change)
        yield done


async def one_day(vault: Vault) -> None:
    """Two trips of one day are all there is."""
    await vault.store.execute(f"TRUNCATE TABLE {vault.store.database}.trip_events")
    trip = ride(0)[7]
    await fill(vault.site, [trip, {**trip, "event_id": str(uuid.UUID(int=7))}])


async def whole(vault: Vault) -> int:
    """How many of the rows are to be had: in ClickHouse, on their way out, or in a copy that counts."""
    leaving = await months_of(vault.store, "archive_leaving_trip_events")
    copies = await vault.archivist().shelf.manifests("trip_events", MONTH)
    return max(
        await vault.rows(),
        await vault.rows("archive_leaving_trip_events") if leaving else 0,
        *(copy.content.rows for copy in copies if copy.left_at),
        0,
    )


async def test_a_run_that_dies_anywhere_is_made_up_for_by_the_next(vault: Vault) -> None:
    await one_day(vault)
    hashes = await vault.hashes()
    died = 0
    # Every third step of some thirty: archiving and restoring change things in turns.
    for step in count(0, 3):
        with killed_at(step) as done:
            try:
                await vault.archive("trip_events")
            except Killed:
                died += 1
        assert await whole(vault) == 2
        ended = done[0] < step
        await vault.archive("trip_events")
        assert await vault.rows() == 0
        (copy,) = await vault.archivist().shelf.manifests("trip_events", MONTH)
        assert copy.content.hashes == hashes
        with killed_at(step):
            try:
                await vault.restore()
            except Killed:
                died += 1
        await vault.restore()
        assert await vault.hashes() == hashes
        vault.site.runtime.clock.advance(31 * 86_400)
        if ended:
            break
    assert died > 5


async def test_a_process_that_is_killed_when_the_copy_is_there_is_made_up_for(vault: Vault) -> None:
    await one_day(vault)
    environment = {
        **os.environ,
        "OPENRIDE_CLICKHOUSE_URL": vault.settings.clickhouse_url,
        "OPENRIDE_CLICKHOUSE_DATABASE": vault.settings.clickhouse_database,
        "OPENRIDE_METADATA_URL": f"sqlite+aiosqlite:///{vault.site.settings.data_dir}/metadata.db",
        "OPENRIDE_DATA_DIR": str(vault.settings.data_dir),
        "OPENRIDE_ARCHIVE": "true",
        "OPENRIDE_ARCHIVE_DIR": vault.settings.archive_dir,
        "OPENRIDE_RETENTION_EVENTS_DAYS": "30",
        "OPENRIDE_PII_KEY": "a key for tests",
    }

    async def started(*arguments: str) -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "openride_stream", "archive", *arguments)
        return await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )

    async def copied() -> bool:
        return bool(await vault.archivist().shelf.place.names("trip_events"))

    process = await started("--table", "trip_events")
    await until(copied)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    assert await whole(vault) == 2
    # Its lease of a minute is taken to be over: clocks of tests are not those of processes.
    process = await started("--table", "trip_events")
    out, error = await process.communicate()
    assert (process.returncode, b"another `openride archive` runs" in error) == (2, True)
    assert await vault.archive("trip_events")
    process = await started("list")
    out, error = await process.communicate()
    assert (process.returncode, error) == (0, b"")
    assert b"trip_events  2026-01  archived" in out

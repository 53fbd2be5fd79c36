"""How a month leaves ClickHouse: at once into a table of its own, compared there with its copy, then dropped.

What comes in meanwhile is in the month that it came for, not in that table. Who dies between two steps has
lost nothing, and the next run goes on with what it finds.
"""

from typing import Final

from openride_stream.archive.builds import Builds
from openride_stream.archive.copying import MonthChanged
from openride_stream.archive.executions import SOURCE, DerivedExecutions
from openride_stream.archive.manifest import Manifest
from openride_stream.archive.months import TIMEOUT_S, content_of, months_of, of_month
from openride_stream.archive.shelf import Shelf
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import Clock, rfc3339
from openride_stream.settings import Settings

_PREFIX: Final = "archive_leaving_"


class Leaving:
    """Takes months out of ClickHouse."""

    def __init__(
        self, store: ClickHouse, shelf: Shelf, builds: Builds, settings: Settings, clock: Clock
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._builds = builds
        self._clock = clock
        cluster = settings.clickhouse_cluster
        self._on_cluster = f"ON CLUSTER '{cluster}'" if cluster else ""
        self._executions = DerivedExecutions(store, self._on_cluster)

    async def leave(self, manifest: Manifest) -> None:
        """Drop the month's rows, which are those of the verified copy.

        Raises:
            MonthChanged: they are others; all of them are there still.
        """
        table, month = manifest.table, manifest.month
        await self._builds.pin(table, month)
        await self._store.execute(
            f"CREATE TABLE IF NOT EXISTS {self._at(_PREFIX + table)} {self._on_cluster} AS {self._at(table)}"
        )
        await self._move(table, _PREFIX + table, month)
        await self._settle(manifest)

    async def resume(self, table: str) -> list[int]:
        """Go on with what a run that died has left; returns the months that have left now."""
        gone = []
        for month in await months_of(self._store, _PREFIX + table):
            copies = await self._shelf.manifests(table, month)
            columns = copies[-1].columns if copies else ()
            content = (
                await content_of(self._store, _PREFIX + table, columns, of_month(month)) if copies else None
            )
            same = [manifest for manifest in copies if manifest.content == content]
            if same:
                await self._settle(same[-1])
                gone.append(month)
            else:
                await self._move(_PREFIX + table, table, month)
        await self._drop_empty(table)
        return gone

    async def _settle(self, manifest: Manifest) -> None:
        table, month = manifest.table, manifest.month
        leaving = _PREFIX + table
        found = await content_of(self._store, leaving, manifest.columns, of_month(month))
        if found != manifest.content:
            await self._move(leaving, table, month)
            await self._drop_empty(table)
            message = f"{manifest.folder}: the month has changed since it was copied; nothing was dropped"
            raise MonthChanged(message)
        # Before anything goes: from here on the copy is the only one that has all of it.
        await self._shelf.write(
            manifest.changed(left_at=rfc3339(self._clock.now_ms()), restored_at=None, held_until=None)
        )
        if table == SOURCE:
            await self._executions.leave(month, leaving)
        await self._store.execute(
            f"ALTER TABLE {self._at(leaving)} {self._on_cluster} DROP PARTITION {month}", timeout_s=TIMEOUT_S
        )
        await self._drop_empty(table)

    async def _move(self, source: str, to: str, month: int) -> None:
        await self._store.execute(
            f"ALTER TABLE {self._at(source)} {self._on_cluster} "
            f"MOVE PARTITION {month} TO TABLE {self._at(to)}",
            timeout_s=TIMEOUT_S,
        )

    async def _drop_empty(self, table: str) -> None:
        if not await months_of(self._store, _PREFIX + table):
            await self._store.execute(
                f"DROP TABLE IF EXISTS {self._at(_PREFIX + table)} {self._on_cluster} SYNC"
            )

    def _at(self, table: str) -> str:
        return f"{self._store.database}.{table}"

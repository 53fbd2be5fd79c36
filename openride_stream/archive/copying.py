"""The copy of a month: a Parquet file a day, read back into ClickHouse and compared before it counts."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from openride_stream.archive.manifest import ArchivedFile, Content, Manifest, folder_of
from openride_stream.archive.months import TIMEOUT_S, Columns, content_of, days_of, of_day, of_month, written
from openride_stream.archive.shelf import Shelf
from openride_stream.clickhouse.bodies import Body
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrations import head
from openride_stream.clickhouse.raw import Take
from openride_stream.clock import Clock, rfc3339
from openride_stream.errors import Rejected
from openride_stream.settings import Settings

_ROWS: Final = 10**12
_WRITTEN: Final = {
    "output_format_parquet_string_as_string": "1",
    "output_format_parquet_compression_method": "zstd",
}
_TYPE: Final = "application/vnd.apache.parquet"


class MonthChanged(Rejected):
    """Something came in after the copy was made: the month stays as it is, the next run copies it anew."""


class CopyDiffers(Rejected):
    """A copy, read back, is not what the month is; nothing was dropped."""


class Copier:
    """Makes copies of months and checks them."""

    def __init__(self, store: ClickHouse, shelf: Shelf, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._shelf = shelf
        self._settings = settings
        self._clock = clock

    async def copy(self, table: str, month: int, segment: int, columns: Columns) -> Manifest:
        """Write and verify a copy of what the month has now; its manifest is written last.

        Raises:
            MonthChanged: something came in meanwhile.
            CopyDiffers: what was written is not what came back.
        """
        folder = folder_of(table, month, segment)
        before = await content_of(self._store, table, columns, of_month(month))
        # Of a run that died: without a manifest its files count for nothing.
        await self._shelf.clear(folder)
        files = [
            await self._copy_day(table, folder, day, columns)
            for day in await days_of(self._store, table, month)
        ]
        content = await content_of(self._store, table, columns, of_month(month))
        if content != before:
            message = f"{folder}: something came in while it was copied; nothing was dropped"
            raise MonthChanged(message)
        manifest = Manifest(
            table=table,
            month=month,
            segment=segment,
            schema_version=head(),
            columns=columns,
            files=files,
            content=content,
            archived_at=rfc3339(self._clock.now_ms()),
        )
        await self.verify(manifest)
        await self._shelf.write(manifest)
        return manifest

    async def _copy_day(self, table: str, folder: str, day: str, columns: Columns) -> ArchivedFile:
        content = await content_of(self._store, table, columns, of_day(day))
        query = await self._store.raw_query(
            written(self._store, table, columns, of_day(day)),
            {},
            "Parquet",
            Take(TIMEOUT_S, self._settings.exports_query_memory_bytes, _ROWS),
            _WRITTEN,
        )
        name = f"{folder}/{day}.parquet"
        work = self._settings.data_dir
        work.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=work, prefix="archive-") as temporary:
            path = Path(temporary) / "file"
            sha256 = await _write(self._store.raw_rows(query), path)
            await self._shelf.place.put(path, name, content_type=_TYPE)
            return ArchivedFile(name, day, path.stat().st_size, sha256, content)

    async def verify(self, manifest: Manifest) -> None:
        """Read the whole copy back: the bytes by their hash, the rows by theirs, as ClickHouse reads them.

        Raises:
            CopyDiffers: they are others.
        """
        async with self.read_back(manifest):
            pass

    @asynccontextmanager
    async def read_back(self, manifest: Manifest) -> AsyncIterator[str]:
        """Within the block a table (its name) has the rows of the copy, which are those of the manifest."""
        check = f"archive_check_{manifest.table}"
        at = f"{self._store.database}.{check}"
        await self._drop(check)
        engine = f"{'Replicated' if self._settings.clickhouse_cluster else ''}MergeTree"
        # With the columns that the copy has: the table may have got others since.
        columns = ", ".join(f"{name} {kind}" for name, kind in manifest.columns)
        await self._store.execute(
            f"CREATE TABLE {at} {self._on_cluster} ({columns}) ENGINE = {engine} ORDER BY tuple()"
        )
        try:
            for file in manifest.files:
                await self._insert(file, manifest, at)
            found = await content_of(self._store, check, manifest.columns, collapsed=False)
            if found != manifest.content:
                raise _differs(manifest, found)
            yield check
        finally:
            await self._drop(check)

    async def _insert(self, file: ArchivedFile, manifest: Manifest, at: str) -> None:
        stored = await self._shelf.place.find(file.name)
        if stored is None or stored.size_bytes != file.size_bytes:
            size = "is missing" if stored is None else f"has {stored.size_bytes:,} bytes"
            message = f"{file.name} {size}, its manifest says {file.size_bytes:,}"
            raise CopyDiffers(message)
        digest = hashlib.sha256()

        async def pieces() -> AsyncIterator[bytes]:
            async for chunk in self._shelf.place.read(stored):
                digest.update(chunk)
                yield chunk

        names = ", ".join(name for name, _ in manifest.columns)
        await self._store.insert(f"{at} ({names})", Body(pieces(), file.size_bytes, TIMEOUT_S), "Parquet")
        if digest.hexdigest() != file.sha256:
            message = f"{file.name} has other bytes than its manifest says"
            raise CopyDiffers(message)

    async def _drop(self, table: str) -> None:
        await self._store.execute(
            f"DROP TABLE IF EXISTS {self._store.database}.{table} {self._on_cluster} SYNC"
        )

    @property
    def _on_cluster(self) -> str:
        cluster = self._settings.clickhouse_cluster
        return f"ON CLUSTER '{cluster}'" if cluster else ""


async def _write(chunks: AsyncIterator[bytes], path: Path) -> str:
    """Write chunks to a file; its SHA-256."""
    digest = hashlib.sha256()
    with await asyncio.to_thread(path.open, "wb") as file:
        async for chunk in chunks:
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    return digest.hexdigest()


def _differs(manifest: Manifest, found: Content) -> CopyDiffers:
    return CopyDiffers(
        f"{manifest.folder}: the copy has {found.rows:,} rows ({found.hashes}), "
        f"the month {manifest.content.rows:,} ({manifest.content.hashes})"
    )

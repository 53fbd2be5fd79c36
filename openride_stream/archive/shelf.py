"""The archive as a place: manifests are found, written and taken away with their files."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from openride_stream.archive.manifest import NAME, Manifest
from openride_stream.settings import Settings
from openride_stream.storage.place import Place, open_place


class Shelf:
    """Archived months in the folder or the bucket of the settings."""

    def __init__(self, settings: Settings) -> None:
        folder = Path(settings.archive_dir) if settings.archive_dir else settings.data_dir / "archive"
        self.place: Place = open_place(settings, "archive", folder)

    async def manifests(self, table: str = "", month: int | None = None) -> list[Manifest]:
        """Every copy there is, or those of a table or of one of its months, in order."""
        under = table if month is None else f"{table}/{month // 100}-{month % 100:02}"
        found = []
        for stored in await self.place.names(under):
            if stored.name.rpartition("/")[2] == NAME:
                content = b"".join([chunk async for chunk in self.place.read(stored)])
                found.append(Manifest.load(stored.name, content))
        return sorted(found, key=lambda manifest: (manifest.table, manifest.month, manifest.segment))

    def in_sql(self, table: str, month: int) -> str:
        """What stands after FROM where ClickHouse reads an archived month in its place."""
        return self.place.in_sql(f"{table}/{month // 100}-{month % 100:02}/*/*.parquet")

    async def write(self, manifest: Manifest) -> None:
        """Put a manifest in its place: from here on the copy counts."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / NAME
            await asyncio.to_thread(path.write_bytes, manifest.dump())
            await self.place.put(path, f"{manifest.folder}/{NAME}", content_type="application/json")

    async def remove(self, manifest: Manifest) -> None:
        """Take a copy away: the manifest first, so that it counts no more, then its files."""
        await self.place.remove([f"{manifest.folder}/{NAME}"])
        await self.clear(manifest.folder)

    async def clear(self, folder: str, but: Sequence[str] = ()) -> None:
        """Take away files of a folder."""
        names = [stored.name for stored in await self.place.names(folder)]
        await self.place.remove([name for name in names if name not in but])


def held(manifest: Manifest, now: str) -> bool:
    """Whether a month that was brought back is not to be archived yet; `now` is RFC 3339."""
    return manifest.held_until is not None and now < manifest.held_until


def days(count: int) -> timedelta:
    """So many days."""
    return timedelta(days=count)

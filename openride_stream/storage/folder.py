"""Files in a folder."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from openride_stream.storage.stored import StorageUnavailable, Stored

_CHUNK_BYTES: Final = 1024 * 1024
_PART: Final = ".part"


class Folder:
    """A place on a disk; see `Place`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def told(self) -> str:
        """Where it is."""
        return str(self._folder)

    def path_of(self, name: str) -> Path:
        """The path of a file in it."""
        return self._folder / name

    def in_sql(self, pattern: str) -> str:
        """See `Place.in_sql`."""
        path = str(self._folder.absolute() / pattern).replace("\\", "\\\\").replace("'", "\\'")
        return f"file('{path}', 'Parquet')"

    async def put(self, path: Path, name: str, *, content_type: str = "", disposition: str = "") -> None:
        """See `Place.put`."""
        del content_type, disposition
        await asyncio.to_thread(self._put, path, name)

    def _put(self, path: Path, name: str) -> None:
        to = self.path_of(name)
        try:
            to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = to.with_name(f"{to.name}{_PART}")
            shutil.copyfile(path, part)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(to)
            _sync_folder(to.parent)
        except OSError as error:
            raise self._unavailable(error) from error

    async def find(self, name: str) -> Stored | None:
        """See `Place.find`."""
        return await asyncio.to_thread(self._find, name)

    def _find(self, name: str) -> Stored | None:
        try:
            found = self.path_of(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unavailable(error) from error
        changed_at = datetime.fromtimestamp(found.st_mtime, UTC)
        return Stored(name, found.st_size, f"{found.st_mtime_ns:x}-{found.st_size:x}", changed_at)

    async def read(self, stored: Stored, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Place.read`."""
        left = (stored.size_bytes if end is None else end) - start
        try:
            with await asyncio.to_thread(self.path_of(stored.name).open, "rb") as file:
                file.seek(start)
                while left > 0 and (chunk := await asyncio.to_thread(file.read, min(left, _CHUNK_BYTES))):
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise self._unavailable(error) from error

    async def names(self, under: str = "") -> list[Stored]:
        """See `Place.names`."""
        return await asyncio.to_thread(self._names, under)

    def _names(self, under: str) -> list[Stored]:
        top = self.path_of(under)
        paths = sorted(path for path in top.rglob("*") if path.is_file() and path.suffix != _PART)
        found = (self._find(str(path.relative_to(self._folder))) for path in paths)
        return [stored for stored in found if stored is not None]

    async def remove(self, names: Collection[str]) -> None:
        """See `Place.remove`."""
        for name in names:
            await asyncio.to_thread(self.path_of(name).unlink, missing_ok=True)

    async def link(self, name: str, for_s: int) -> str | None:
        """Nobody reads a folder by an address."""
        del name, for_s
        return None

    def _unavailable(self, error: OSError) -> StorageUnavailable:
        return StorageUnavailable(f"{self._folder}: {error.strerror or error}")


def _sync_folder(folder: Path) -> None:
    # A name is durable with its folder, where folders can be synced.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

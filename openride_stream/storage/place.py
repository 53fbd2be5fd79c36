"""What a place for files can do, whatever it is."""

from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Protocol

from openride_stream.settings import Settings
from openride_stream.storage.stored import Stored


class Place(Protocol):
    """Files by name, which may have folders in it (`2026/01/a.parquet`).

    Every method raises `StorageUnavailable` or `StorageRefused`.
    """

    @property
    def told(self) -> str:
        """Where it is, for people."""
        ...

    async def put(self, path: Path, name: str, *, content_type: str = "", disposition: str = "") -> None:
        """Copy a local file: there as a whole or not at all, in the place of one of that name."""
        ...

    async def find(self, name: str) -> Stored | None:
        """The file of that name."""
        ...

    def read(self, stored: Stored, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to `end`, not included."""
        ...

    async def names(self, under: str = "") -> list[Stored]:
        """What is below a folder, by name."""
        ...

    async def remove(self, names: Collection[str]) -> None:
        """Delete files; those that are not there are no error."""
        ...

    def in_sql(self, pattern: str) -> str:
        """The table function by which ClickHouse reads the Parquet files here whose names match."""
        ...

    async def link(self, name: str, for_s: int) -> str | None:
        """An address by which anybody may read the file for so many seconds; None where there is none."""
        ...


def open_place(settings: Settings, under: str, folder: Path) -> Place:
    """The bucket of the settings, in its part `under`; without one the folder."""
    if settings.files_url:
        # The library is loaded by who has a bucket.
        from openride_stream.storage.bucket import Bucket

        return Bucket(settings, under)
    from openride_stream.storage.folder import Folder

    return Folder(folder)

"""The files of exports: one each, named by its id, in a folder or in a bucket.

A file is written in a folder of its own on the worker's disk, and put in its place when it is whole.
"""

import asyncio
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

from openride_stream.api.choices import ExportFormat
from openride_stream.errors import ConfigurationError
from openride_stream.exports.writing.room import may_pass
from openride_stream.settings import Settings
from openride_stream.storage.folder import Folder
from openride_stream.storage.place import Place, open_place
from openride_stream.storage.stored import StorageUnavailable, Stored

SUFFIXES: Final[dict[ExportFormat, str]] = {"csv": "csv", "excel": "xlsx", "parquet": "parquet"}
CONTENT_TYPES: Final[dict[ExportFormat, str]] = {
    "csv": "text/csv; charset=utf-8",
    "excel": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
_WORK: Final = "part"
_SUFFIXES: Final = ("csv", "xlsx", "parquet", "pdf")
_OURS: Final = re.compile(
    r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.(?:csv|xlsx|parquet|pdf|zip|\d+\.part)", re.ASCII
)
_NAME: Final = re.compile(r"[^\w .()+,@-]+")
# Of file systems it is 255 with the suffix, in UTF-8.
_LONGEST_NAME_BYTES: Final = 240
_LONGEST_NAME: Final = 120
# Whatever has been here for so long belongs to somebody that the metadata store knows.
_ORPHAN_S: Final = 3_600.0


def folder_of(settings: Settings) -> Path:
    """Where files are kept."""
    return Path(settings.exports_dir) if settings.exports_dir else settings.data_dir / "exports"


def safe_name(wanted: str, suffix: str) -> str:
    """A name that any file system and any header takes, made from what somebody wrote; it ends in the suffix.

    Folders in it, signs that mean something somewhere and leading dots are gone; letters of any script stay.
    """
    stem = _NAME.sub("_", wanted.replace("\\", "/").rpartition("/")[2].removesuffix(f".{suffix}"))
    stem = stem.strip(" ._")[:_LONGEST_NAME].encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore")
    stem = stem.rstrip(" ._") or "export"
    # Devices to Windows, whatever follows the dot.
    if re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", stem):
        stem = f"_{stem}"
    return f"{stem}.{suffix}"


def attachment(filename: str) -> str:
    """`Content-Disposition` that saves a file under a name in any script (RFC 6266)."""
    plain = filename.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


class Named(NamedTuple):
    """What a file is called where it is saved, and its media type."""

    filename: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in a folder or a bucket."""

    place: Place
    stored: Stored


class ExportFiles:
    """Files of exports (`under` is empty) or of reports: in one folder, which workers on several machines
    share, or in the bucket of the settings.
    """

    def __init__(self, settings: Settings, under: str = "") -> None:
        self._folder = folder_of(settings) / under
        self._bucket = open_place(settings, f"exports/{under}", self._folder) if settings.files_url else None

    def path_of(self, export_id: str, suffix: str) -> Path:
        """Where the file is in the folder, or will be."""
        return self._folder / f"{UUID(export_id)}.{suffix}"

    async def find(self, export_id: str, suffix: str) -> Kept | None:
        """The file, if it is there."""
        place = self._bucket or Folder(self._folder)
        stored = await place.find(self.path_of(export_id, suffix).name)
        return None if stored is None else Kept(place, stored)

    def begin(self, export_id: str, attempt: int) -> Path:
        """A new folder to write in; only its owner may read what is in it.

        Raises:
            StorageUnavailable, ConfigurationError: it cannot be made.
        """
        work = self._folder / f"{UUID(export_id)}.{attempt}.{_WORK}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(mode=0o700)
        except OSError as error:
            raise self.unwritten(error) from error
        return work

    def unwritten(self, error: OSError) -> StorageUnavailable | ConfigurationError:
        """What it means that the folder took no file: for now, when its disk is full or away, or for good."""
        message = f"OPENRIDE_EXPORTS_DIR: cannot write in {self._folder}: {error.strerror}"
        return StorageUnavailable(message) if may_pass(error) else ConfigurationError(message)

    async def keep(self, written: Path, export_id: str, suffix: str, named: Named) -> None:
        """Put a file that is whole in its place, and take the folder away that it was written in.

        Raises:
            StorageUnavailable, StorageRefused, ConfigurationError: it is not there; what was written is.
        """
        to = self.path_of(export_id, suffix)
        if self._bucket is None:
            try:
                await asyncio.to_thread(written.replace, to)
            except OSError as error:
                raise self.unwritten(error) from error
        else:
            await self._bucket.put(
                written, to.name, content_type=named.content_type, disposition=attachment(named.filename)
            )
        self.discard(written.parent)

    def discard(self, work: Path) -> None:
        """Take away what was not finished."""
        shutil.rmtree(work, ignore_errors=True)

    async def remove(self, export_id: str) -> None:
        """Delete all there is of an export."""
        for path in self._folder.glob(f"{UUID(export_id)}.*"):
            _delete(path)
        if self._bucket is not None:
            await self._bucket.remove([f"{UUID(export_id)}.{suffix}" for suffix in _SUFFIXES])

    async def sweep(self, known: Callable[[Collection[str]], Awaitable[frozenset[str]]]) -> int:
        """Delete what nobody knows of any more, left behind by workers that died; returns how many."""
        before_s = time.time() - _ORPHAN_S
        old = {path: found[1] for path in self._listed() if (found := _OURS.fullmatch(path.name))}
        old = {path: export_id for path, export_id in old.items() if _changed_s(path) < before_s}
        left = await known(set(old.values())) if old else frozenset()
        gone = [
            path for path, export_id in old.items() if export_id not in left or path.suffix == f".{_WORK}"
        ]
        for path in gone:
            _delete(path)
        return len(gone) + await self._sweep_bucket(known, before_s)

    async def _sweep_bucket(
        self, known: Callable[[Collection[str]], Awaitable[frozenset[str]]], before_s: float
    ) -> int:
        if self._bucket is None:
            return 0
        old = {
            stored.name: found[1]
            for stored in await self._bucket.names()
            if (found := _OURS.fullmatch(stored.name)) and stored.changed_at.timestamp() < before_s
        }
        left = await known(set(old.values())) if old else frozenset()
        gone = [name for name, export_id in old.items() if export_id not in left]
        await self._bucket.remove(gone)
        return len(gone)

    def _listed(self) -> list[Path]:
        return list(self._folder.iterdir()) if self._folder.is_dir() else []


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

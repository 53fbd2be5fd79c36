"""The folder of exports: one file each, named by its id, and a folder beside it while it is written."""

import re
import shutil
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Final
from uuid import UUID

from openride_stream.api.choices import ExportFormat
from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings

SUFFIXES: Final[dict[ExportFormat, str]] = {"csv": "csv", "excel": "xlsx", "parquet": "parquet"}
CONTENT_TYPES: Final[dict[ExportFormat, str]] = {
    "csv": "text/csv; charset=utf-8",
    "excel": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
_WORK: Final = "part"
_OURS: Final = re.compile(
    r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.(?:csv|xlsx|parquet|pdf|zip|\d+\.part)", re.ASCII
)
_NAME: Final = re.compile(r"[^\w .()+,@-]+")
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
    stem = stem.strip(" ._")[:_LONGEST_NAME].rstrip(" ._") or "export"
    # Devices to Windows, whatever follows the dot.
    if re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", stem):
        stem = f"_{stem}"
    return f"{stem}.{suffix}"


class ExportFiles:
    """Files of exports in one folder, which workers on several machines share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, export_id: str, suffix: str) -> Path:
        """Where the file is, or will be."""
        return self._folder / f"{UUID(export_id)}.{suffix}"

    def begin(self, export_id: str, attempt: int) -> Path:
        """A new folder to write in; only its owner may read what is in it.

        Raises:
            ConfigurationError: it cannot be made.
        """
        work = self._folder / f"{UUID(export_id)}.{attempt}.{_WORK}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(mode=0o700)
        except OSError as error:
            message = f"OPENRIDE_EXPORTS_DIR: cannot write in {self._folder}: {error.strerror}"
            raise ConfigurationError(message) from error
        return work

    def keep(self, written: Path, export_id: str, suffix: str) -> None:
        """Put a file that is whole in its place, and take the folder away that it was written in."""
        written.replace(self.path_of(export_id, suffix))
        shutil.rmtree(written.parent, ignore_errors=True)

    def discard(self, work: Path) -> None:
        """Take away what was not finished."""
        shutil.rmtree(work, ignore_errors=True)

    def remove(self, export_id: str) -> None:
        """Delete all there is of an export."""
        for path in self._folder.glob(f"{UUID(export_id)}.*"):
            _delete(path)

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

"""One process at a time writes to a folder, whatever the library that does makes of two."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class FolderLock:
    """A lock in a file beside the folder, which may itself be thrown away; who dies lets go of it."""

    folder: Path
    _descriptor: int | None = None

    def take(self) -> None:
        """Have it from here on; who has it already has it still.

        Raises:
            BlockingIOError: another process has it, or another lock of this one.
            OSError: there is no such file to be made.
        """
        if self._descriptor is not None:
            return
        path = self.folder.with_name(f"{self.folder.name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

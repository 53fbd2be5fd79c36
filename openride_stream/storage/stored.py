"""A file in a place, and what a place may refuse."""

from dataclasses import dataclass
from datetime import datetime

from openride_stream.errors import Rejected, Transient


class StorageUnavailable(Transient):
    """The bucket's server did not answer, or is busy; or a folder cannot be read or written just now."""


class StorageRefused(Rejected):
    """The place will not have it; the message names the setting that is at fault."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is there, whole: name, size in bytes, a tag that changes with it, since when."""

    name: str
    size_bytes: int
    etag: str
    changed_at: datetime

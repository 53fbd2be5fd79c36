"""Rows as the bytes of one of ClickHouse's formats, free of any client: for files and other processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CHUNK_BYTES: Final = 256 * 1024
ERROR_BYTES: Final = 64 * 1024
"""As much of an answer that tells of an error as is read."""
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Take:
    """What one SELECT may take of the store."""

    timeout_s: float
    memory_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class RawQuery:
    """One SELECT, ready to be sent over HTTP: `parameters` go into the URL, the statement is the body.

    The store answers when it has every row, so that a failure has its own status.
    """

    url: str
    user: str
    password: str
    statement: str
    parameters: Mapping[str, str]
    timeout_s: float

    @property
    def headers(self) -> dict[str, str]:
        """Who asks."""
        return {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password}

"""What an insert sends: bytes that are there, or bytes that come."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

_PIECE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Body:
    """So many bytes, in pieces. `timeout_s` None: as long as any insert may take."""

    pieces: AsyncIterator[bytes | memoryview]
    size_bytes: int
    timeout_s: float | None = None


def body_of(rows: bytes | Body) -> Body:
    """The rows as a body."""
    return rows if isinstance(rows, Body) else Body(_pieces(rows), len(rows))


async def _pieces(body: bytes) -> AsyncIterator[memoryview]:
    """The body without a copy of it, in parts between which the event loop may turn to others."""
    view = memoryview(body)
    for start in range(0, len(body), _PIECE_BYTES):
        yield view[start : start + _PIECE_BYTES]

"""A row of the changelog: what one batch added to the live tables, as bytes.

A version byte, the earliest moment (ms since the epoch, int64) and the number of series; then for each
series its number, how many facts, and their columns one after the other, `at` as milliseconds after that
moment (uint32). Little-endian. A worker that does not know the version skips the row: it is of a newer one.

Behind that stand the series of places and minutes (`tables.placed_behind`), which the version before does not
read: it stops after as many series as it was told of.
"""

import struct
from collections.abc import Mapping
from typing import Final

import numpy as np

from tables import placed_behind
from tables.series import BY_NUMBER, QUEUED, Facts, Series, added
from tables.wait_sketch import LONGEST_MS

VERSION: Final = 1
_HEAD: Final = struct.Struct("<BqB")
_SERIES: Final = struct.Struct("<BI")


def encoded(batch: Mapping[Series, Facts]) -> bytes:
    """The row of facts that are at most 49 days apart; none of the series is empty."""
    first = {series: seen for series, seen in batch.items() if series.number in BY_NUMBER}
    base_ms = min((int(seen["at"].min()) for seen in first.values()), default=0)
    parts = [_HEAD.pack(VERSION, base_ms, len(first))]
    for series, seen in first.items():
        parts += [
            _SERIES.pack(series.number, len(seen)),
            seen["id"].tobytes(),
            (seen["at"] - base_ms).astype("<u4").tobytes(),
            *(seen[name].tobytes() for name, _ in series.written_columns),
        ]
    placed = {series: seen for series, seen in batch.items() if series.number not in BY_NUMBER}
    return b"".join([*parts, *placed_behind.encoded(placed)])


def decoded(row: bytes) -> dict[Series, Facts]:
    """The facts of a row; nothing when it is of another version.

    Raises:
        ValueError: these bytes are no row.
    """
    try:
        version, base_ms, count = _HEAD.unpack_from(row)
        if version != VERSION:
            return {}
        found, place = _series(row, base_ms, count)
        return found | placed_behind.decoded(row, place)
    except (struct.error, KeyError, ValueError, OverflowError) as error:
        message = f"not a row of live tables: {error}"
        raise ValueError(message) from error


def lacks_places(row: bytes) -> bool:
    """Whether a row that `decoded` has read is of the version before, which wrote no places and minutes."""
    return row[0] == VERSION and not row.endswith(placed_behind.MARK)


def _series(row: bytes, base_ms: int, count: int) -> tuple[dict[Series, Facts], int]:
    found: dict[Series, Facts] = {}
    place = _HEAD.size
    for _ in range(count):
        number, length = _SERIES.unpack_from(row, place)
        place += _SERIES.size
        series = BY_NUMBER[number]
        columns = {}
        for name, kind in (("id", "<u8"), ("at", "<u4"), *series.written_columns):
            columns[name] = np.frombuffer(row, kind, length, place)
            place += columns[name].nbytes
        # Memory is taken once the bytes have turned out to be there.
        seen = added(series, columns.pop("id"), columns.pop("at"), **columns)
        seen["at"] += base_ms
        if series is QUEUED and not (np.abs(seen["waited_ms"]) <= LONGEST_MS).all():
            message = "a time that nothing can have waited"
            raise ValueError(message)
        found[series] = seen
    return found, place

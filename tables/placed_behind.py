"""The series of places and minutes, as they stand behind the others in a row of the changelog.

A version byte and the number of series; then for each its number, how many bytes, and its facts as they lie
in memory (`Series.written_dtype`, little-endian, `at` since the epoch); then a mark, by which a row of the
version before is known to have none of that. A series that is not known is passed over by its size, and so is
the whole when its version is not known.
"""

import struct
from collections.abc import Mapping
from typing import Final

import numpy as np

from tables.placed_series import PLACED_BY_NUMBER
from tables.series import Facts, Series

MARK: Final = b"\x00places"
_VERSION: Final = 1
_HEAD: Final = struct.Struct("<BB")
_SERIES: Final = struct.Struct("<BI")


def encoded(placed: Mapping[Series, Facts]) -> list[bytes]:
    """The series of places and minutes that a batch added; always something."""
    parts = [_HEAD.pack(_VERSION, len(placed))]
    for series, seen in placed.items():
        parts += (_SERIES.pack(series.number, seen.nbytes), seen.tobytes())
    return [*parts, MARK]


def decoded(row: bytes, place: int) -> dict[Series, Facts]:
    """Those that stand from `place` on; none in a row of the version before.

    Raises:
        ValueError: these bytes are nothing of that kind; `struct.error` likewise.
    """
    found: dict[Series, Facts] = {}
    if place == len(row):
        return found
    version, count = _HEAD.unpack_from(row, place)
    if version != _VERSION:
        return found
    place += _HEAD.size
    for _ in range(count):
        number, size = _SERIES.unpack_from(row, place)
        place += _SERIES.size
        if size > len(row) - place:
            message = "a series is cut off"
            raise ValueError(message)
        if (series := PLACED_BY_NUMBER.get(number)) is not None:
            length, rest = divmod(size, series.written_dtype.itemsize)
            if rest:
                message = f"{size} bytes are no facts of {series.name}"
                raise ValueError(message)
            found[series] = np.frombuffer(row, series.written_dtype, length, place)
        place += size
    if not row.startswith(MARK, place):
        message = "the mark at its end is not there"
        raise ValueError(message)
    return found

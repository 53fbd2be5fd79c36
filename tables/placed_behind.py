"""The series of places and minutes, as they stand behind the others in a row of the changelog.

A version byte and the number of series; then for each its number, that of the series whose identities and
moments are its own as well (0: it brings them), how many facts, how many bytes, and its columns, `at` as in
the row's first part. A series that is not known is passed over by its size, and so is the whole when its
version is not known.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from tables.known import Column
from tables.placed_series import BOOKED, CONFIRMED, PLACED_BY_NUMBER, PLACED_SERIES, POSITIONS, TRIPS
from tables.series import BOOKINGS, BY_NUMBER, DRIVERS, REVENUE, STARTED, Facts, Series, made

_VERSION: Final = 1
_HEAD: Final = struct.Struct("<BB")
_SERIES: Final = struct.Struct("<BBII")
_LIKE: Final = {POSITIONS: DRIVERS, TRIPS: STARTED, BOOKED: BOOKINGS, CONFIRMED: REVENUE}
"""Which series the facts of another are mostly the same ones of, seen another way."""


def encoded(added: Mapping[Series, Facts], base_ms: int) -> Iterator[bytes]:
    """The series of places and minutes among those that a batch added; always something."""
    placed = {series: seen for series, seen in added.items() if series in PLACED_SERIES}
    yield _HEAD.pack(_VERSION, len(placed))
    for series, seen in placed.items():
        like = _LIKE.get(series)
        shared = like is not None and like in added and _same(seen, added[like])
        columns = [seen[name].tobytes() for name, _ in series.columns]
        if not shared:
            columns = [seen["id"].tobytes(), (seen["at"] - base_ms).astype("<u4").tobytes(), *columns]
        of = like.number if like is not None and shared else 0
        yield _SERIES.pack(series.number, of, len(seen), sum(map(len, columns)))
        yield from columns


def _same(one: Facts, other: Facts) -> bool:
    return np.array_equal(one["id"], other["id"]) and np.array_equal(one["at"], other["at"])


def decoded(row: bytes, place: int, base_ms: int, first: Mapping[Series, Facts]) -> dict[Series, Facts]:
    """The facts `first`, and those that stand behind them from `place` on; a row of before has none there.

    Raises:
        ValueError: these bytes are nothing of that kind; `struct.error`, `KeyError` likewise.
    """
    found = dict(first)
    version, count = _HEAD.unpack_from(row, place) if place < len(row) else (_VERSION, 0)
    place += _HEAD.size
    for _ in range(count if version == _VERSION else 0):
        number, like, length, size = _SERIES.unpack_from(row, place)
        place += _SERIES.size
        if size > len(row) - place:
            message = "a series is cut off"
            raise ValueError(message)
        if (series := PLACED_BY_NUMBER.get(number)) is not None:
            shared = first[BY_NUMBER[like]] if like else None
            kinds = series.columns if like else (("id", "<u8"), ("at", "<u4"), *series.columns)
            columns = _columns(row, place, kinds, length)
            if shared is None:
                found[series] = made(series, columns.pop("id"), columns.pop("at"), **columns)
                found[series]["at"] += base_ms
            else:
                found[series] = made(series, shared["id"], shared["at"], **columns)
        place += size
    return found


def _columns(row: bytes, place: int, kinds: Iterable[tuple[str, str]], length: int) -> dict[str, Column]:
    columns = {}
    for name, kind in kinds:
        columns[name] = np.frombuffer(row, kind, length, place)
        place += columns[name].nbytes
    return columns

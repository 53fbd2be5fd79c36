"""Columns of values, read from their places in the text.

Each reader returns the column and which records it could read; of the others nothing is said but that they
have to be looked at one by one.
"""

from binascii import Error, unhexlify
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.text import Bytes, JoinedText, Mask, Places
from openride_stream.events.scalars import END_TIMESTAMP_MS, FIRST_TIMESTAMP_MS

_HYPHENS: Final = [8, 13, 18, 23]
_DAY_MS: Final = 86_400_000
_WIDEST_DECIMAL: Final = 15
_TENS: Final = 10.0 ** np.arange(_WIDEST_DECIMAL + 1)
_POWERS: Final = _TENS[:_WIDEST_DECIMAL]
_PLACES: Final = np.arange(_WIDEST_DECIMAL, dtype=np.uint8)[:, None]


def uuids(written: Bytes) -> tuple[Bytes, Mask]:
    """UUIDs of 36 characters, (n, 36), as (n, 16) bytes in the order in which they are written."""
    good = (written[:, _HYPHENS] == ord("-")).all(axis=1)
    try:
        # As many digits as there are: a hyphen that stands elsewhere leaves too few.
        digits = unhexlify(written.tobytes().replace(b"-", b"")) if good.all() else b""
    except Error:
        digits = b""
    if len(digits) != 16 * len(written):
        return _uuids_one_by_one(written)
    return np.frombuffer(digits, np.uint8).reshape(-1, 16), good


def _uuids_one_by_one(written: Bytes) -> tuple[Bytes, Mask]:
    found = np.zeros((len(written), 16), np.uint8)
    good = np.zeros(len(written), bool)
    for index, characters in enumerate(written):
        value = characters.tobytes()
        groups = value.split(b"-")
        if [len(group) for group in groups] == [8, 4, 4, 4, 12]:
            try:
                found[index] = np.frombuffer(unhexlify(b"".join(groups)), np.uint8)
            except Error:
                continue
            good[index] = True
    return found, good


_SECOND: Final = 19
# By the length of a time: digits of the fraction, and characters of the zone.
_FORMS: Final = {
    _SECOND + (fraction + 1 if fraction else 0) + zone: (fraction, zone)
    for fraction in (0, 3, 6)
    for zone in (0, 1, 6)
}
_MARKS: Final = [4, 7, 10, 13, 16]
_MARKED: Final = np.frombuffer(b"--T::", np.uint8)
_MARKED_ELSE: Final = np.frombuffer(b"--t::", np.uint8)
_DIGITS: Final = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
_WEIGHTS: Final = np.zeros((len(_DIGITS) + 3, 6))
_YEAR, _MONTH, _DAY, _HOUR, _MINUTE, _MS = range(6)
_WEIGHTS[0:4, _YEAR] = 1000, 100, 10, 1
for _place, _part in ((4, _MONTH), (6, _DAY), (8, _HOUR), (10, _MINUTE)):
    _WEIGHTS[_place : _place + 2, _part] = 10, 1
_WEIGHTS[12:17, _MS] = 10_000, 1000, 100, 10, 1
_LEAST: Final = np.array([2000, 1, 1, 0, 0, 0])[:, None]
_MOST: Final = np.array([2099, 12, 31, 23, 59, 59_999])[:, None]
_TWO_DIGITS: Final = np.array([10, 1])
_FIRST_YEAR: Final = 2000
_MONTH_STARTS: Final = (
    np.array(
        [date(_FIRST_YEAR + month // 12, month % 12 + 1, 1).toordinal() for month in range(100 * 12 + 1)]
    )
    - date(1970, 1, 1).toordinal()
)


def times(written: Bytes) -> tuple[npt.NDArray[np.int64], Mask]:
    """RFC 3339 times, (n, characters), as milliseconds since the epoch.

    Without a zone it is UTC. Digits below the millisecond are cut off.
    """
    size = written.shape[1]
    if size not in _FORMS:
        return np.zeros(len(written), np.int64), np.zeros(len(written), bool)
    fraction, zone = _FORMS[size]
    marks = written[:, _MARKS]
    good = ((marks == _MARKED) | (marks == _MARKED_ELSE)).all(axis=1)
    if zone == 1:
        good &= written[:, -1] | 0x20 == ord("z")
    if fraction:
        good &= written[:, _SECOND] == ord(".")
    # Below zero wraps around to more than nine.
    digits = written[:, [*_DIGITS, *range(20, 20 + fraction)]] - np.uint8(ord("0"))
    good &= digits.max(axis=1) <= 9
    used = digits[:, : len(_DIGITS) + min(fraction, 3)]
    parts = used.astype(np.float64) @ _WEIGHTS[: used.shape[1]]
    found = _moments(parts.astype(np.int64).T, good)
    if zone > 1:
        found -= _offsets_ms(written[:, -zone:], good)
        # An offset may lead out of the century.
        good &= (found >= FIRST_TIMESTAMP_MS) & (found < END_TIMESTAMP_MS)
    return found, good


def _offsets_ms(zones: Bytes, good: Mask) -> npt.NDArray[np.int64]:
    """Of `+01:00` and the like."""
    west = zones[:, 0] == ord("-")
    digits = zones[:, [1, 2, 4, 5]] - np.uint8(ord("0"))
    hours, minutes = digits[:, :2] @ _TWO_DIGITS, digits[:, 2:] @ _TWO_DIGITS
    good &= (west | (zones[:, 0] == ord("+"))) & (zones[:, 3] == ord(":"))
    good &= (digits.max(axis=1) <= 9) & (hours <= 23) & (minutes <= 59)
    offsets_ms: npt.NDArray[np.int64] = np.where(west, -1, 1) * (hours * 60 + minutes) * 60_000
    return offsets_ms


def _moments(parts: npt.NDArray[np.int64], good: Mask) -> npt.NDArray[np.int64]:
    good &= ((parts >= _LEAST) & (parts <= _MOST)).all(axis=0)
    year, month, day, hour, minute, ms = parts
    index = np.where(good, (year - _FIRST_YEAR) * 12 + month - 1, 0)
    first = _MONTH_STARTS[index]
    good &= day <= _MONTH_STARTS[index + 1] - first
    moments: npt.NDArray[np.int64] = (first + day - 1) * _DAY_MS + hour * 3_600_000 + minute * 60_000 + ms
    return moments


def decimals(text: JoinedText, begins: Places, sizes: Places) -> tuple[npt.NDArray[np.float64], Mask]:
    """JSON numbers without an exponent, of at most 15 digits, as the doubles next to them.

    Both the digits and the power of ten that they are divided by are exact as doubles, so the quotient is
    rounded once.
    """
    good = (sizes >= 1) & (sizes <= _WIDEST_DECIMAL)
    lengths = np.where(good, sizes, 1).astype(np.uint8)
    width = int(lengths.max(initial=1))
    # From here on by character, the last one first: each step is taken for all numbers at once.
    written = np.ascontiguousarray(text.windows(begins + lengths - width, width).T[::-1])
    every = np.arange(len(begins))
    first = written[lengths - 1, every]
    negative = first == ord("-")
    inside = _PLACES[:width] < lengths
    dots = ((written == ord(".")) & inside).view(np.uint8)
    digits = (written - np.uint8(ord("0"))) * (inside.view(np.uint8) - dots)
    digits[lengths - 1, every] *= ~negative
    good &= digits.max(axis=0, initial=0) <= 9
    dotted = dots.sum(axis=0, dtype=np.uint8)
    good &= dotted <= 1
    places = (dots * _PLACES[:width]).sum(axis=0, dtype=np.uint8) % _WIDEST_DECIMAL  # after the dot
    good &= (dotted == 0) | (places >= 1)
    whole_digits = lengths - negative - dotted - places
    good &= (whole_digits >= 1) & (whole_digits <= _WIDEST_DECIMAL)
    leads = np.where(negative, written[np.maximum(lengths, 2) - 2, every], first)
    good &= (leads != ord("0")) | (whole_digits == 1)
    # With the dot as a digit 0, what stands before it is ten times too large.
    scaled = _POWERS[:width] @ digits
    shift = _TENS[places]
    exact = np.where(dotted, scaled - np.floor(scaled / (shift * 10)) * shift * 9, scaled)
    found = exact / shift
    return np.where(negative, -found, found), good

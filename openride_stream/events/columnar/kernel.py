"""The one loop over bytes, compiled by numba. Every index is checked, here and again by what numba adds: the
bytes are a stranger's.
"""

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.machine_code import compiled

# Machine code is kept for as long as this file is as it was: it must not depend on another one's constants.
FIXED, MARK, UUID, TIME, STRING, LITERAL, NUMBER, MONEY = range(8)
FIRST_TIMESTAMP_MS: Final = 946_684_800_000
END_TIMESTAMP_MS: Final = 4_102_444_800_000

_DAY_MS: Final = 86_400_000
_FIRST_YEAR: Final = 2000
_YEARS: Final = 100
_MONTH_STARTS: Final = np.array(
    [date(_FIRST_YEAR + month // 12, month % 12 + 1, 1).toordinal() for month in range(_YEARS * 12 + 1)]
) - (date(1970, 1, 1).toordinal())
"""Days since the epoch."""
_TENS: Final = 10.0 ** np.arange(16)
_MOST_DIGITS: Final = 15
"""Of a decimal: they and the power of ten that divides them are exact doubles, so it is rounded once."""
_MOST_MONEY: Final = 16
_NO: Final = -1
_QUOTE, _HYPHEN, _DOT, _COLON, _ZERO, _PLUS, _BACKSLASH = (ord(mark) for mark in '"-.:0+\\')
_HEXADECIMAL: Final = np.full(256, 0xFF, np.uint8)
for _digit in range(16):
    _HEXADECIMAL[[ord(f"{_digit:x}"), ord(f"{_digit:X}")]] = _digit


@compiled
def _number(text: npt.NDArray[np.uint8], at: int, count: int) -> int:
    """The number that `count` digits stand for; `_NO` when one of them is none."""
    number = 0
    for place in range(at, at + count):
        if text[place] < 48 or text[place] > 57:
            return _NO
        number = number * 10 + int(text[place]) - 48
    return number


@compiled
def _offset_ms(text: npt.NDArray[np.uint8], at: int, end: int) -> int:
    """Of `Z`, `+01:00` or nothing; a day, which no zone is off by, when it is none of these."""
    if at == end or (end - at == 1 and text[at] | 0x20 == 0x7A):
        return 0
    if end - at != 6 or text[at + 3] != _COLON or (text[at] != _PLUS and text[at] != _HYPHEN):
        return _DAY_MS
    hours, minutes = _number(text, at + 1, 2), _number(text, at + 4, 2)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return _DAY_MS
    sign = 1 if text[at] == _PLUS else -1
    return sign * (hours * 60 + minutes) * 60_000


@compiled
def _moment(text: npt.NDArray[np.uint8], at: int, end: int) -> int:  # noqa: PLR0911  # a call costs as much
    """An RFC 3339 time as milliseconds since the epoch; `_NO` when it is none, or outside the range."""
    if end - at < 19 or text[at + 4] != _HYPHEN or text[at + 7] != _HYPHEN or text[at + 10] | 0x20 != 0x74:
        return _NO
    if text[at + 13] != _COLON or text[at + 16] != _COLON:
        return _NO
    year, month, day = _number(text, at, 4), _number(text, at + 5, 2), _number(text, at + 8, 2)
    hour, minute, second = _number(text, at + 11, 2), _number(text, at + 14, 2), _number(text, at + 17, 2)
    if year < _FIRST_YEAR or year >= _FIRST_YEAR + _YEARS or month < 1 or month > 12 or day < 1:
        return _NO
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return _NO
    index = (year - _FIRST_YEAR) * 12 + month - 1
    if day > _MONTH_STARTS[index + 1] - _MONTH_STARTS[index]:
        return _NO
    ms = 0
    at += 19
    if at < end and text[at] == _DOT:
        at += 1
        begin, weight = at, 100
        while at < end and 48 <= text[at] <= 57:
            # What is below the millisecond is cut off.
            ms += weight * (int(text[at]) - 48)
            weight //= 10
            at += 1
        if at == begin:
            return _NO
    offset_ms = _offset_ms(text, at, end)
    moment = (_MONTH_STARTS[index] + day - 1) * _DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + ms
    moment -= offset_ms
    if offset_ms == _DAY_MS or moment < FIRST_TIMESTAMP_MS or moment >= END_TIMESTAMP_MS:
        return _NO
    return int(moment)


@compiled
def _uuid(text: npt.NDArray[np.uint8], at: int, into: npt.NDArray[np.uint8]) -> bool:
    """Write the sixteen bytes that 36 characters stand for; False when they are no UUID."""
    seen = np.uint8(0)
    for place in range(16):
        if place in (4, 6, 8, 10):
            if text[at] != _HYPHEN:
                return False
            at += 1
        high, low = _HEXADECIMAL[text[at]], _HEXADECIMAL[text[at + 1]]
        seen |= high | low
        into[place] = (high << 4) | (low & 15)
        at += 2
    return bool(seen <= 15)


@compiled
def _decimal(text: npt.NDArray[np.uint8], at: int, end: int) -> float:
    """A JSON number without an exponent and of few digits; not a number when it is written otherwise."""
    negative = at < end and text[at] == _HYPHEN
    if negative:
        at += 1
    begin, digits, whole, total = at, 0, _NO, 0
    while at < end:
        if text[at] == _DOT and whole < 0:
            whole = digits
        elif 48 <= text[at] <= 57 and digits < _MOST_DIGITS:
            total = total * 10 + (int(text[at]) - 48)
            digits += 1
        else:
            return np.nan
        at += 1
    places = 0 if whole < 0 else digits - whole
    if digits - places < 1 or (whole >= 0 and places < 1):
        return np.nan
    if text[begin] == _ZERO and digits - places > 1:
        return np.nan
    number = float(total / _TENS[places])
    # As by other parsers, a whole number has no negative zero.
    return -number if negative and (total > 0 or whole >= 0) else number


@compiled
def _hundredths(text: npt.NDArray[np.uint8], at: int, end: int) -> int:
    """An amount with two places; `_NO` when it is written otherwise."""
    whole = end - at - 3
    if whole < 1 or whole > _MOST_MONEY or text[end - 3] != _DOT:
        return _NO
    units, cents = _number(text, at, whole), _number(text, end - 2, 2)
    return _NO if units < 0 or cents < 0 else units * 100 + cents


@compiled
def _end_of(text: npt.NDArray[np.uint8], at: int, end: int, stop: int) -> int:
    while at < end and text[at] != stop:
        at += 1
    return at


@compiled
def _is_plain(text: npt.NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether each byte stands for itself in JSON, and is a whole character."""
    odd = False
    for place in range(at, end):
        odd |= text[place] < 0x20 or text[place] > 0x7E or text[place] == _BACKSLASH
    return not odd


@compiled
def _end_of_literal(text: npt.NDArray[np.uint8], at: int, end: int) -> int:
    """Where the first byte stands that no number, true, false or null has."""
    while at < end:
        letter = text[at] | 0x20
        if not (48 <= text[at] <= 57 or 97 <= letter <= 122 or text[at] in (_PLUS, _HYPHEN, _DOT)):
            return at
        at += 1
    return at


@compiled
def scan(  # noqa: PLR0912, PLR0917  # a compiled function takes arrays, and a call of its own for each step costs
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    steps: npt.NDArray[np.int64],
    fixed: npt.NDArray[np.uint8],
    uuids: npt.NDArray[np.uint8],
    times: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.float64],
    cents: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    plain: npt.NDArray[np.bool_],
    marks: npt.NDArray[np.int64],
    fits: npt.NDArray[np.bool_],
) -> None:
    """Lay records against a program, and read the values of those that fit.

    Args:
        text: the records.
        starts: by record, where it begins in `text`.
        ends: by record, where it ends.
        steps: of the program, (steps, 4): what it is, where it goes, and two numbers more.
        fixed: the program's bytes.
        uuids: out, (uuids, records, 16).
        times: out, (times, records), milliseconds since the epoch.
        numbers: out, (numbers, records); not a number where one is not written as usual.
        cents: out, (moneys, records); -1 where one is not written as usual.
        begins: out, (spans, records): where a value begins that is not a UUID or a time.
        sizes: out, the same: how long it is.
        plain: out, the same: whether it is a string of printed ASCII without a backslash.
        marks: out, (marks, records): places asked for.
        fits: out: which records have the shape.
    """
    for record in range(len(starts)):
        at, end = starts[record], ends[record]
        fit = True
        for step in range(len(steps)):
            kind, slot, first, second = steps[step]
            if kind == FIXED:
                fit = at + second <= end
                if fit:
                    for place in range(second):
                        if text[at + place] != fixed[first + place]:
                            fit = False
                            break
                at += second
            elif kind == MARK:
                marks[slot, record] = at
            elif kind == UUID:
                fit = at + 36 <= end and _uuid(text, at, uuids[slot, record])
                at += 36
            else:
                if first == _QUOTE:
                    stop = _end_of(text, at, end, _QUOTE)
                    fit = stop < end
                else:
                    stop = _end_of_literal(text, at, end)
                    fit = at < stop < end
                if kind == TIME:
                    times[slot, record] = _moment(text, at, stop)
                    fit = fit and times[slot, record] >= 0
                else:
                    begins[second, record] = at
                    sizes[second, record] = stop - at
                    plain[second, record] = kind == STRING and _is_plain(text, at, stop)
                    if kind == NUMBER:
                        numbers[slot, record] = _decimal(text, at, stop)
                    elif kind == MONEY:
                        cents[slot, record] = _hundredths(text, at, stop)
                at = stop
            if not fit:
                break
        fits[record] = fit and at == end

"""Where the records of a Kafka record batch stand, compiled by numba; importing this takes a second or two.

Format: https://kafka.apache.org/documentation/#recordbatch (magic 2). Every index is checked, here and again
by what numba adds: the bytes are a stranger's.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.machine_code import compiled

_LONGEST_SHIFT: Final = 56
_NO: Final = -1


@compiled
def _number(text: npt.NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """A zigzag varint of up to 63 bits, and where it ends; `_NO` for where when it is none."""
    number, shift = 0, 0
    while at < end and shift <= _LONGEST_SHIFT:
        byte = int(text[at])
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
    return 0, _NO


@compiled
def _after(text: npt.NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """How long a field of bytes is, -1 for none, and where it ends; `_NO` for where when it is not whole."""
    size, at = _number(text, at, end)
    if at < 0 or size < -1 or size > end - at:
        return 0, _NO
    return size, at + max(size, 0)


@compiled
def _ends_with_headers(text: npt.NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether what is left of a record are its headers."""
    count, at = _number(text, at, end)
    if at < 0 or count < 0:
        return False
    for _ in range(count):
        size, at = _after(text, at, end)
        if at < 0 or size < 0:
            return False
        size, at = _after(text, at, end)
        if at < 0:
            return False
    return at == end


@compiled
def unpack(  # noqa: PLR0911, PLR0917  # a compiled function takes numbers, and raises nothing
    text: npt.NDArray[np.uint8],
    at: int,
    end: int,
    base_offset: int,
    first_timestamp: int,
    append_timestamp: int,
    places: npt.NDArray[np.int64],
    first: int,
    records: int,
) -> bool:
    """Find the records of one batch; False when its bytes are not exactly as many as there should be.

    Args:
        text: holds the batch's records, unpacked, from `at` to `end`.
        at: where they begin.
        end: where they end.
        base_offset: of the batch.
        first_timestamp: of the batch, in milliseconds.
        append_timestamp: the one of all its records, where the broker stamps them; else -1.
        places: out, (5, records of all batches): offset, timestamp, where the value begins and ends (there
            and then, for a tombstone), where the key's length stands.
        first: which of them is the batch's first.
        records: how many it has.
    """
    for record in range(first, first + records):
        length, at = _number(text, at, end)
        if at < 0 or length < 1 or length > end - at:
            return False
        # Of the attributes none is in use; aiokafka reads more than one byte of such as these.
        if text[at] > 0x7F:
            return False
        stop = at + length
        delta_ms, at = _number(text, at + 1, stop)
        if at < 0:
            return False
        delta, at = _number(text, at, stop)
        if at < 0:
            return False
        places[0, record] = base_offset + delta
        places[1, record] = append_timestamp if append_timestamp >= 0 else first_timestamp + delta_ms
        places[4, record] = at
        size, at = _after(text, at, stop)
        if at < 0:
            return False
        size, at = _after(text, at, stop)
        if at < 0:
            return False
        places[2, record] = at - max(size, 0)
        places[3, record] = at
        if not _ends_with_headers(text, at, stop):
            return False
        at = stop
    return at == end

"""Strings copied out of a text in ClickHouse's Native format, compiled by numba; see `strings.load`."""

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.machine_code import compiled


@compiled
def prefixed(
    text: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Parts of `text`, each with its length as a varint before it."""
    total = 0
    for place in range(len(starts)):
        size = ends[place] - starts[place]
        total += size + 1
        while size > 0x7F:
            total += 1
            size >>= 7
    written = np.empty(total, np.uint8)
    at = 0
    for place in range(len(starts)):
        size = ends[place] - starts[place]
        length = size
        while size > 0x7F:
            written[at] = size & 0x7F | 0x80
            at += 1
            size >>= 7
        written[at] = size
        at += 1
        written[at : at + length] = text[starts[place] : ends[place]]
        at += length
    return written

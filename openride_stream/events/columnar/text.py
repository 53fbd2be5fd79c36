"""The records of a batch as one text."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

MARGIN: Final = 8192
"""Bytes around the text: a window may begin as far from the record that it is meant for."""
_MARGIN: Final = bytes(MARGIN)
_SHORT: Final = 32
_COLUMNS: Final = np.arange(_SHORT)


class JoinedText:
    """Values joined by line feeds; all places are offsets in `text`."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self.text: Final = b"".join([_MARGIN, b"\n".join(values), _MARGIN])
        self.sizes: Final = np.fromiter(map(len, values), np.int64, len(values))
        self.ends: Final = np.cumsum(self.sizes + 1) + (MARGIN - 1)
        self.starts: Final = self.ends - self.sizes
        self._every: dict[int, npt.NDArray[Any]] = {}

    def windows(self, at: Places, size: int) -> Bytes:
        """`size` bytes from each place on, as (n, size)."""
        every = self._every.get(size)
        if every is None:
            # One item for every place of the text, each overlapping the next: no copy until some are chosen.
            every = np.ndarray((len(self.text) - size + 1,), f"V{size}", self.text, 0, (1,))
            self._every[size] = every
        return every[at].view(np.uint8).reshape(-1, size)

    def strings(self, at: Places, sizes: Places) -> list[bytes]:
        """As many bytes from each place on."""
        if sizes.max(initial=0) <= _SHORT:
            windows = self.windows(at, _SHORT)
            inside = sizes[:, None] > _COLUMNS
            # Items end where NULs begin, so that there may be none within.
            if np.count_nonzero(windows[inside]) == sizes.sum():
                short: list[bytes] = (windows * inside).view(f"S{_SHORT}").ravel().tolist()
                return short
        text = self.text
        return [text[begin:end] for begin, end in zip(at.tolist(), (at + sizes).tolist(), strict=True)]

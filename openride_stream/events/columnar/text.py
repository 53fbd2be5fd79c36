"""The records of a batch as one text."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

_SHORT: Final = 32
_COLUMNS: Final = np.arange(_SHORT)


class JoinedText:
    """Values joined by line feeds; all places are offsets in `text`."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self.text: Final = b"\n".join([*values, bytes(_SHORT)])
        self._has_nul: Final = self.text.find(b"\0") < len(self.text) - _SHORT
        self.bytes: Final = np.frombuffer(self.text, np.uint8)
        self.sizes: Final = np.fromiter(map(len, values), np.int64, len(values))
        self.ends: Final = np.cumsum(self.sizes + 1) - 1
        self.starts: Final = self.ends - self.sizes
        # One item for every place of the text, each overlapping the next: no copy until some are chosen.
        self._shorts = np.ndarray((len(self.text) - _SHORT + 1,), f"V{_SHORT}", self.text, 0, (1,))

    def strings(self, at: Places, sizes: Places) -> list[bytes]:
        """As many bytes from each place on."""
        # Items end where NULs begin, so that there may be none within.
        if not self._has_nul and sizes.max(initial=0) <= _SHORT:
            windows = self._shorts[at].view(np.uint8).reshape(-1, _SHORT)
            inside = sizes[:, None] > _COLUMNS
            short: list[bytes] = (windows * inside).view(f"S{_SHORT}").ravel().tolist()
            return short
        text = self.text
        return [text[begin:end] for begin, end in zip(at.tolist(), (at + sizes).tolist(), strict=True)]

"""The records of a batch as one text."""

from collections.abc import Sequence
from typing import Final, overload

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

_SHORT: Final = 32
_COLUMNS: Final = np.arange(_SHORT)


class Text:
    """Values in a text; all places are offsets in it.

    Attributes:
        text: holds every value.
        bytes: the same.
        starts: where each value begins.
        ends: where each ends.
        sizes: how long each is.
    """

    def __init__(self, text: bytes, starts: Places, ends: Places) -> None:
        self.text: Final = text
        self.bytes: Final = np.frombuffer(text, np.uint8)
        self.starts: Final = starts
        self.ends: Final = ends
        self.sizes: Final = ends - starts
        # One item for every place of the text, each overlapping the next: no copy until some are chosen.
        windows = max(len(text) - _SHORT + 1, 0)
        self._shorts = np.ndarray((windows,), f"V{_SHORT}", text, 0, (1,))

    @classmethod
    def joined(cls, values: Sequence[bytes]) -> "Text":
        """Of values that stand nowhere together yet."""
        sizes = np.fromiter(map(len, values), np.int64, len(values))
        ends = np.cumsum(sizes + 1) - 1
        return cls(b"\n".join(values), ends - sizes, ends)

    def __getitem__(self, line: int) -> bytes:
        """One value."""
        return self.text[self.starts[line] : self.ends[line]]

    def strings(self, at: Places, sizes: Places) -> list[bytes]:
        """As many bytes from each place on."""
        if sizes.max(initial=0) > _SHORT or self._end_in_nul(at, sizes) or not len(self._shorts):
            return self._cut(at, sizes)
        # A window over what stands at the very end would reach beyond it.
        last = np.flatnonzero(at >= len(self._shorts))
        found = self._short(np.minimum(at, len(self._shorts) - 1), sizes)
        for place, value in zip(last.tolist(), self._cut(at[last], sizes[last]), strict=True):
            found[place] = value
        return found

    def _short(self, at: Places, sizes: Places) -> list[bytes]:
        windows = self._shorts[at].view(np.uint8).reshape(-1, _SHORT)
        inside = sizes[:, None] > _COLUMNS
        found: list[bytes] = (windows * inside).view(f"S{_SHORT}").ravel().tolist()
        return found

    def _cut(self, at: Places, sizes: Places) -> list[bytes]:
        text = self.text
        return [text[begin:end] for begin, end in zip(at.tolist(), (at + sizes).tolist(), strict=True)]

    def _end_in_nul(self, at: Places, sizes: Places) -> bool:
        """Whether any does: in an array of strings those would be cut off."""
        last = self.bytes[np.maximum(at + sizes - 1, 0)]
        return not last.all() and bool(((last == 0) & (sizes > 0)).any())


class Slices(Sequence[bytes]):
    """Parts of a text as a column, none of which is copied before it is asked for."""

    def __init__(self, text: Text, starts: Places, ends: Places) -> None:
        self.text = text
        self.starts = starts
        self.ends = ends

    def __len__(self) -> int:
        """How many."""
        return len(self.starts)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> "Slices": ...
    def __getitem__(self, place: int | slice) -> "bytes | Slices":
        """One of them, or some."""
        if isinstance(place, slice):
            return Slices(self.text, self.starts[place], self.ends[place])
        return self.text.text[self.starts[place] : self.ends[place]]

    def chosen(self, mask: Mask) -> "Slices":
        """Those that `mask` says."""
        return Slices(self.text, self.starts[mask], self.ends[mask])

"""Where the values of a shape stand in the records of a batch."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.shapes import Form, Place, Run, Shape, Value
from openride_stream.events.columnar.text import Bytes, JoinedText, Mask, Places

_QUOTE: Final = ord('"')
_WORD_BYTES: Final = 8


@dataclass(slots=True)
class Walk:
    """Records that have a shape, given that each value turns out to be one.

    Attributes:
        text: where they stand.
        lines: which records.
        runs: by run, its bytes in every record (n, size).
        starts: the same, where it begins.
        begins: by varying value, where it begins in every record.
        sizes: the same, how long it is.
    """

    text: JoinedText
    lines: Places
    runs: list[Bytes]
    starts: list[Places]
    begins: list[Places]
    sizes: list[Places]

    def places(self, place: Place) -> Places:
        """A place in every record."""
        return self.starts[place.run] + place.offset


def walk(text: JoinedText, lines: Places, shape: Shape, least: int) -> Walk | None:
    """Those of `lines` whose bytes are the shape's wherever no value stands; None when they are too few.

    A string is taken to end at its first quotation mark, a literal where the first of the bytes stands that
    follow it in the shape: so no byte of a record is in two parts, or in none.
    """
    at = text.starts[lines]
    found = Walk(text, lines, [], [], [], [])
    for place, run in enumerate(shape.runs):
        window, misfits = _matched(text, at, run)
        found.runs.append(window)
        found.starts.append(at)
        at = at + len(run.text)
        if place == len(shape.varying):
            misfits = _or(misfits, at != text.ends[found.lines])
        if misfits is not None:
            fits = ~misfits
            if np.count_nonzero(fits) < least:
                return None
            _keep(found, fits)
            at = at[fits]
        if place < len(shape.varying):
            sizes = _sizes(text, at, shape.varying[place], shape.runs[place + 1].first)
            found.begins.append(at)
            found.sizes.append(sizes)
            at = at + sizes
    return found


def _matched(text: JoinedText, at: Places, run: Run) -> tuple[Bytes, Mask | None]:
    """What stands where a run should, and where that is something else; None for nowhere."""
    wanted, mask = _words(run.text)
    window = text.windows(at, len(wanted) * _WORD_BYTES)
    differing = window.view("<u8") ^ wanted
    differing &= mask
    return window, differing.any(axis=1) if np.count_nonzero(differing) else None


def _or(misfits: Mask | None, more: Mask) -> Mask | None:
    if misfits is not None:
        return misfits | more
    return more if np.count_nonzero(more) else None


@lru_cache(maxsize=1024)
def _words(run: bytes) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What eight bytes at a time have to be, and which bits of them count."""
    padded = run + bytes(-len(run) % _WORD_BYTES)
    mask = bytes(0xFF if byte else 0 for byte in padded)
    return np.frombuffer(padded, "<u8"), np.frombuffer(mask, "<u8")


def _sizes(text: JoinedText, at: Places, value: Value, following: int) -> Places:
    """How long each value is; 0 where there is no end, since then the run that follows does not fit."""
    stop = following if value.form is Form.LITERAL else _QUOTE
    sizes: Places = (text.windows(at, value.size) == stop).argmax(axis=1)
    return sizes


def _keep(found: Walk, fits: Mask) -> None:
    found.lines = found.lines[fits]
    found.runs = [window[fits] for window in found.runs]
    found.starts = [starts[fits] for starts in found.starts]
    found.begins = [begins[fits] for begins in found.begins]
    found.sizes = [sizes[fits] for sizes in found.sizes]

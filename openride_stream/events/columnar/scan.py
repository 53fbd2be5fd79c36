"""Where the values of a shape stand in the records of a batch, and what the plain ones of them are."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.programs import (
    MARK,
    MONEY,
    NUMBER,
    TIME,
    UUID,
    Program,
    program_of,
)
from openride_stream.events.columnar.shapes import Shape
from openride_stream.events.columnar.text import Bytes, Mask, Places, Text


@dataclass(frozen=True, slots=True)
class Scan:
    """Records that have a shape, given that each value turns out to be one.

    Attributes:
        text: where they stand.
        lines: which records.
        program: of the shape; says which row of each array is of which value.
        uuids: (uuids, records, 16).
        times: (times, records), ms since the epoch.
        numbers: (numbers, records); not a number where one has to be parsed by itself.
        cents: (moneys, records); -1 where one has to be parsed by itself.
        begins: (spans, records).
        sizes: (spans, records).
        plain: (spans, records); whether it is a string whose bytes stand for themselves, ASCII all of them.
        marks: (marks, records).
    """

    text: Text
    lines: Places
    program: Program
    uuids: Bytes
    times: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.float64]
    cents: npt.NDArray[np.int64]
    begins: Places
    sizes: Places
    plain: Mask
    marks: Places


def scan(text: Text, lines: Places, program: Program, least: int) -> Scan | None:
    """Those of `lines` whose bytes are the shape's wherever no value stands; None when they are too few.

    A string is taken to end at its first quotation mark, a literal at the first byte that no number or name
    has: so no byte of a record is in two parts, or in none.
    """
    count, counts, spans = len(lines), program.counts, len(program.spans)
    fits = np.empty(count, bool)
    read: list[npt.NDArray[Any]] = [
        np.empty((counts[UUID], count, 16), np.uint8),
        np.empty((counts[TIME], count), np.int64),
        np.empty((counts[NUMBER], count), np.float64),
        np.empty((counts[MONEY], count), np.int64),
        np.empty((spans, count), np.int64),
        np.empty((spans, count), np.int64),
        np.empty((spans, count), bool),
        np.empty((counts[MARK], count), np.int64),
    ]
    starts, ends = text.starts[lines], text.ends[lines]
    _loaded[0](text.bytes, starts, ends, program.steps, program.fixed, *read, fits)
    found = int(np.count_nonzero(fits))
    if found < least:
        return None
    if found < count:
        lines, read = lines[fits], [array[:, fits] for array in read]
    return Scan(text, lines, program, *read)


def load() -> None:
    """Have the loop over bytes compiled, or fetched from where it was kept: a matter of seconds.

    Raises:
        ImportError: the compiler is not there.
    """
    if is_loaded():
        return
    # Only who decodes should wait for the compiler, which takes a second or two to import.
    from openride_stream.events.columnar import kernel

    text = Text.joined([b"{}"])
    shape = Shape("", (b"{", b"}"), (), needs_currency=False)
    _loaded.append(kernel.scan)
    scan(text, np.arange(1), program_of(shape), 1)
    _ready.set()


def is_loaded() -> bool:
    """Whether `scan` may be called."""
    return _ready.is_set()


_loaded: Final[list[Callable[..., None]]] = []
_ready: Final = Event()

"""A shape as the compiled loop takes it: steps, one after the other, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.fields import Kind
from openride_stream.events.columnar.shapes import Form, Mark, Shape, Value

FIXED, MARK, UUID, TIME, STRING, LITERAL, NUMBER, MONEY = range(8)
"""The kinds of steps; `kernel.py` has its own copy, which a test compares."""
_QUOTE: Final = ord('"')
_STRINGS: Final[Mapping[Any, int]] = {Kind.UUID: UUID, Kind.TIME: TIME, Kind.MONEY: MONEY}
_LITERALS: Final[Mapping[Any, int]] = {Kind.NUMBER: NUMBER, Kind.WHOLE: NUMBER}


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """The steps of a shape.

    Attributes:
        shape: what it was made from.
        values: of the shape, in order.
        objects: of the shape, in order.
        is_looked_into: whether names are searched for in the text of such records (`events.quoted`).
        steps: (steps, 4): its kind; which of its kind it is; for bytes where they are and how many they are,
            for a value the byte that ends it, if it is one, and which span it is.
        fixed: all bytes that never vary.
        counts: how many there are of each kind.
        slots: by name of a value, its kind and which of its kind it is.
        spans: by name of a value that is neither a UUID nor a time, which span it is.
    """

    shape: Shape
    values: tuple[Value, ...]
    objects: tuple[str, ...]
    is_looked_into: bool
    steps: npt.NDArray[np.int64]
    fixed: npt.NDArray[np.uint8]
    counts: Mapping[int, int]
    slots: Mapping[str, tuple[int, int]]
    spans: Mapping[str, int]


def program_of(shape: Shape) -> Program:
    """The program of a shape."""
    steps: list[tuple[int, int, int, int]] = []
    counts = dict.fromkeys(range(8), 0)
    slots: dict[str, tuple[int, int]] = {}
    spans: dict[str, int] = {}
    fixed = b""
    for part in shape.parts:
        kind = _kind(part)
        slot = counts[kind]
        counts[kind] += 1
        if isinstance(part, bytes):
            steps.append((kind, slot, len(fixed), len(part)))
            fixed += part
        elif isinstance(part, Mark):
            steps.append((kind, slot, 0, 0))
        else:
            if kind not in (UUID, TIME):
                spans[part.name] = len(spans)
            slots[part.name] = (kind, slot)
            steps.append((kind, slot, _QUOTE if part.form is Form.STRING else 0, spans.get(part.name, 0)))
    assert len(slots) == sum(isinstance(part, Value) for part in shape.parts), "each name is there once"
    values = tuple(part for part in shape.parts if isinstance(part, Value))
    objects = tuple([part.name for part in shape.parts if isinstance(part, Mark)][::2])
    return Program(
        shape=shape,
        values=values,
        objects=objects,
        is_looked_into=bool(objects) or any(value.personal for value in values),
        steps=np.array(steps, np.int64),
        fixed=np.frombuffer(fixed, np.uint8),
        counts=counts,
        slots=slots,
        spans=spans,
    )


def _kind(part: bytes | Mark | Value) -> int:
    if isinstance(part, bytes):
        return FIXED
    if isinstance(part, Mark):
        return MARK
    kind = part.field.kind if part.field else None
    if part.form is Form.STRING:
        return STRING if part.personal else _STRINGS.get(kind, STRING)
    return _LITERALS.get(kind, LITERAL)

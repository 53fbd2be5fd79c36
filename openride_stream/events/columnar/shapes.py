"""Shapes: what records have in common that one program writes, but for their values."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from openride_stream.events.columnar.fields import Field, Kind


class Form(Enum):
    """How a value is written."""

    SIZED = auto()
    """A string of a length that never varies."""
    STRING = auto()
    LITERAL = auto()
    """A number, true, false or null."""


_STRINGS: Final = frozenset({Kind.UUID, Kind.TIME, Kind.TEXT, Kind.OBJECT})


@dataclass(frozen=True, slots=True)
class Value:
    """A value that varies.

    Attributes:
        name: its field.
        field: how it is declared; None for a field that nobody declared, or that is within an object.
        form: how it is written; a string's quotation marks are not part of it.
        size: its length in bytes if it never varies, else the greatest that is looked for.
        personal: whether a pseudonym takes its place.
    """

    name: str
    field: Field | None
    form: Form
    size: int
    personal: bool = False

    @property
    def declared(self) -> Field:
        """How a field is declared that is."""
        assert self.field is not None, f"nobody declared {self.name}"
        return self.field

    @property
    def only_null(self) -> bool:
        """Whether nothing but null will do: a literal where the field's values are none."""
        return self.form is Form.LITERAL and self.field is not None and self.field.kind in _STRINGS


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch that has the same length in every record: bytes that never vary, and sized values.

    Attributes:
        text: the bytes, with NULs where a value stands.
        sized: the values, and where each begins.
    """

    text: bytes
    sized: tuple[tuple[Value, int], ...]

    @property
    def first(self) -> int:
        """Its first byte, which is no value's."""
        return self.text[0]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in every record: so many bytes into a run."""

    run: int
    offset: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where an object stands, brackets included."""

    name: str
    begin: Place
    end: Place


@dataclass(frozen=True, slots=True)
class Shape:
    """What was read off one record.

    Attributes:
        event_type: its type.
        runs: its runs; between two of them stands a value that varies in length.
        varying: those values, one fewer than there are runs.
        objects: fields that hold an object.
        defaults: of the declared fields that it lacks.
        needs_currency: whether the default currency is to be added.
    """

    event_type: str
    runs: tuple[Run, ...]
    varying: tuple[Value, ...]
    objects: tuple[Span, ...]
    defaults: tuple[tuple[str, Any], ...]
    needs_currency: bool

    @property
    def is_looked_into(self) -> bool:
        """Whether names are searched for in its text when it is read one by one (`events.quoted`)."""
        return bool(self.objects) or any(value.personal for value in self.varying)

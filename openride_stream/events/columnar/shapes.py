"""Shapes: what records have in common that one program writes, but for their values."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from openride_stream.events.columnar.fields import Field, Kind


class Form(Enum):
    """How a value is written."""

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
        personal: whether a pseudonym takes its place.
    """

    name: str
    field: Field | None
    form: Form
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
class Mark:
    """Where the object of a field begins or, the second time, where it has ended."""

    name: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What was read off one record.

    Attributes:
        kind: its event type, or which of the two kinds of schedule topics it is (`registry.SHAPES`).
        parts: its bytes that never vary, and what stands between them.
        defaults: of the declared fields that it lacks.
        needs_currency: whether the default currency is to be added.
    """

    kind: str
    parts: tuple[bytes | Value | Mark, ...]
    defaults: tuple[tuple[str, Any], ...]
    needs_currency: bool

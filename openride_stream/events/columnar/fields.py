"""What each declared field is made of, for whole columns of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from pydantic import StringConstraints, TypeAdapter

from openride_stream.events.registry import EVENT_SHAPES, SHAPES
from openride_stream.events.scalars import (
    TIMESTAMP_PATTERN,
    Id,
    JsonObject,
    Money,
    NonEmptyText,
    Text,
    Timestamp,
)


class Kind(Enum):
    """How a column of the field is read."""

    UUID = auto()
    TIME = auto()
    MONEY = auto()
    NUMBER = auto()
    WHOLE = auto()
    FLAG = auto()
    TEXT = auto()
    OBJECT = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """A declared field of an event type.

    `validator` is pydantic's, of one value of it, null left out. `least` is the least length of a text that
    may be anything else; None where more is asked of it.
    """

    kind: Kind
    required: bool
    validator: TypeAdapter[Any]
    least: int | None = None


OF_EVENTS: Final = frozenset({"event_type"})
OF_SCHEDULES: Final = frozenset({"schedule_type", "update"})
"""The fields that say of what kind a record is: they are part of a shape, as what never varies."""
_LEAST: Final[Mapping[Any, int]] = {Text: 0, NonEmptyText: 1}


def tells(kind: str) -> frozenset[str]:
    """The fields that say that a record is of this kind."""
    return OF_EVENTS if kind in EVENT_SHAPES else OF_SCHEDULES


@cache
def fields_of(kind: str) -> Mapping[str, Field | None]:
    """The declared fields of a kind but those that tell it; None for one that columns cannot hold."""
    hints = get_type_hints(SHAPES[kind].typed_dict, include_extras=True)
    left_out = {*tells(kind), "personal_"}
    return {name: _field(hint) for name, hint in hints.items() if name not in left_out}


def _field(hint: Any) -> Field | None:
    required = get_origin(hint) is not NotRequired
    declared = _without_null(hint)
    kind = _kind(declared)
    return Field(kind, required, TypeAdapter(declared), _LEAST.get(declared)) if kind else None


def _without_null(hint: Any) -> Any:
    """`X` of `NotRequired[X | None]`, `NotRequired[Annotated[X | None, …]]` and the like."""
    if get_origin(hint) is NotRequired:
        return _without_null(get_args(hint)[0])
    choices = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(choices) in (Union, UnionType):
        (hint,) = [choice for choice in get_args(choices) if choice is not NoneType]
    return hint


_BY_DECLARATION: Final[Mapping[Any, Kind]] = {
    Id: Kind.UUID,
    Timestamp: Kind.TIME,
    Money: Kind.MONEY,
    JsonObject: Kind.OBJECT,
}
_BY_TYPE: Final[Mapping[Any, Kind]] = {str: Kind.TEXT, float: Kind.NUMBER, int: Kind.WHOLE, bool: Kind.FLAG}


def _kind(declared: Any) -> Kind | None:
    if declared in _BY_DECLARATION:
        return _BY_DECLARATION[declared]
    if get_origin(declared) is Literal:
        return Kind.TEXT
    plain, *marks = get_args(declared) if get_origin(declared) is Annotated else (declared,)
    if any(isinstance(mark, StringConstraints) and mark.pattern == TIMESTAMP_PATTERN for mark in marks):
        return Kind.TIME
    return _BY_TYPE.get(plain)

"""Shapes: what records have in common that one program writes, but for their values.

A shape is read off one record: its fields in their order, and every byte between their values.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import orjson

from openride_stream.events.columnar.fields import Field, Kind, fields_of
from openride_stream.events.columnar.text import MARGIN
from openride_stream.events.registry import DOMAIN_OF, EVENT_SHAPES, WITH_CURRENCY
from openride_stream.events.topics import Domain
from openride_stream.events.types_common import PERSONAL_NAMES

_TOKEN: Final = re.compile(rb'"[^"]*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_UUID_BYTES: Final = 36
_ALWAYS: Final = frozenset({"event_id", "event_timestamp"})


class Form(Enum):
    """How a value is written."""

    SIZED = auto()
    """A string of a length that never varies."""
    STRING = auto()
    LITERAL = auto()
    """A number, true, false or null."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value that varies.

    Attributes:
        name: its field.
        field: how it is declared; None for a field that nobody declared.
        form: how it is written; a string's quotation marks are not part of it.
        size: its length in bytes if it never varies, else the greatest that is looked for.
    """

    name: str
    field: Field | None
    form: Form
    size: int

    @property
    def declared(self) -> Field:
        """How a field is declared that is."""
        assert self.field is not None, f"nobody declared {self.name}"
        return self.field

    @property
    def only_null(self) -> bool:
        """Whether nothing but null will do: a literal where the field's values are strings."""
        return self.form is Form.LITERAL and self.field is not None and self.field.kind in _STRINGS


_STRINGS: Final = frozenset({Kind.UUID, Kind.TIME, Kind.TEXT})
_LITERALS: Final = frozenset({Kind.NUMBER, Kind.WHOLE, Kind.FLAG})


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
class Shape:
    """What was read off one record.

    Attributes:
        event_type: its type.
        runs: its runs; between two of them stands a value that varies in length.
        varying: those values, one fewer than there are runs.
        defaults: of the declared fields that it lacks.
        needs_currency: whether the default currency is to be added.
    """

    event_type: str
    runs: tuple[Run, ...]
    varying: tuple[Value, ...]
    defaults: tuple[tuple[str, Any], ...]
    needs_currency: bool


def shape_of(record: bytes, domain: Domain) -> Shape | None:
    """The shape of a record; None when records like it have to be looked at one by one."""
    document = _flat(record)
    if document is None or DOMAIN_OF.get(document["event_type"]) != domain:
        return None
    event_type = document["event_type"]
    fields = fields_of(event_type)
    parts = [*_parts(record, fields)]
    values = [part for part in parts if isinstance(part, Value)]
    # A name that stands twice is met twice.
    if len(values) + 1 != len(document) or not all(_is_readable(value, fields) for value in values):
        return None
    names = {value.name for value in values if not value.only_null}
    needed = _ALWAYS | {name for name, field in fields.items() if field is not None and field.required}
    if not needed <= names or sum(map(_room, parts)) > MARGIN:
        return None
    defaults = EVENT_SHAPES[event_type].defaults.items()
    return Shape(
        event_type=event_type,
        runs=tuple(_runs(parts)),
        varying=tuple([value for value in values if value.form is not Form.SIZED]),
        defaults=tuple([(name, default) for name, default in defaults if name not in names]),
        needs_currency=event_type in WITH_CURRENCY and "currency" not in names,
    )


def _flat(record: bytes) -> dict[str, Any] | None:
    """The record, if it is a JSON object of strings and literals with nothing personal in it."""
    try:
        document = orjson.loads(record)
    except orjson.JSONDecodeError:
        return None
    if b"\\" in record or not isinstance(document, dict) or not document.keys().isdisjoint(PERSONAL_NAMES):
        return None
    if any(isinstance(item, dict | list) for item in document.values()):
        return None
    return document if isinstance(document.get("event_type"), str) else None


def _parts(record: bytes, fields: Mapping[str, Field | None]) -> Iterator[bytes | Value]:
    tokens = [match for match in _TOKEN.finditer(record) if match[0] not in b"{}:,"]
    begin = 0
    for name, item in zip(tokens[::2], tokens[1::2], strict=True):
        key = name[0][1:-1].decode()
        if key == "event_type":
            continue
        quoted = item[0].startswith(b'"')
        first, last = item.start() + quoted, item.end() - quoted
        yield record[begin:first]
        yield _value(key, fields.get(key), last - first, quoted=quoted)
        begin = last
    yield record[begin:]


def _value(name: str, field: Field | None, size: int, *, quoted: bool) -> Value:
    if quoted and field is not None and field.kind in (Kind.UUID, Kind.TIME):
        return Value(name, field, Form.SIZED, size)
    # Rounded up, so that records of about the same length are of the same shape.
    room = max(32, 1 << (size + size // 2).bit_length())
    return Value(name, field, Form.STRING if quoted else Form.LITERAL, room)


def _is_readable(value: Value, fields: Mapping[str, Field | None]) -> bool:
    if value.field is None:
        return value.name not in fields
    if value.form is Form.SIZED:
        return value.field.kind is not Kind.UUID or value.size == _UUID_BYTES
    if value.form is Form.STRING:
        return value.field.kind in (Kind.TEXT, Kind.MONEY)
    return not (value.only_null and value.field.required)


def _room(part: bytes | Value) -> int:
    return len(part) if isinstance(part, bytes) else part.size


def _runs(parts: Iterable[bytes | Value]) -> Iterator[Run]:
    text, sized = b"", []
    for part in parts:
        if isinstance(part, bytes):
            text += part
        elif part.form is Form.SIZED:
            sized.append((part, len(text)))
            text += bytes(part.size)
        else:
            yield Run(text, tuple(sized))
            text, sized = b"", []
    yield Run(text, tuple(sized))

"""Reads the shape off one record: its fields in their order, and every byte between their values."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from openride_stream.events.columnar.fields import Field, Kind, fields_of
from openride_stream.events.columnar.shapes import Form, Place, Run, Shape, Span, Value
from openride_stream.events.columnar.text import MARGIN
from openride_stream.events.registry import DOMAIN_OF, EVENT_SHAPES, WITH_CURRENCY
from openride_stream.events.topics import Domain
from openride_stream.events.types_common import PERSONAL_NAMES

_TOKEN: Final = re.compile(rb'"[^"]*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_UUID_BYTES: Final = 36
_UNUSUAL: Final = (b"\\", b"[", b"NaN", b"Infinity")
_LEAST_ROOM: Final = 32
_ALWAYS: Final = frozenset({"event_id", "event_timestamp"})


def shape_of(record: bytes, domain: Domain) -> Shape | None:
    """The shape of a record; None when records like it have to be looked at one by one."""
    document = _simple(record)
    if document is None or DOMAIN_OF.get(document["event_type"]) != domain:
        return None
    event_type = document["event_type"]
    fields = fields_of(event_type)
    reading = _Reading(record, fields)
    values = reading.values
    # A name that stands twice is met twice.
    met = len(values) + len(reading.objects) + 1
    if met != _names_in(document) or not all(_is_readable(value, fields) for value in values):
        return None
    if not all(_is_object(fields.get(span.name)) for span in reading.objects):
        return None
    names = {value.name for value in values if not value.only_null} | {span.name for span in reading.objects}
    needed = _ALWAYS | {name for name, field in fields.items() if field is not None and field.required}
    if not needed <= names or sum(value.size for value in values) + len(record) > MARGIN:
        return None
    defaults = EVENT_SHAPES[event_type].defaults.items()
    return Shape(
        event_type=event_type,
        runs=tuple(reading.runs),
        varying=tuple([value for value in values if value.form is not Form.SIZED]),
        objects=tuple(reading.objects),
        defaults=tuple([(name, default) for name, default in defaults if name not in names]),
        needs_currency=event_type in WITH_CURRENCY and "currency" not in names,
    )


def _simple(record: bytes) -> dict[str, Any] | None:
    """The record, if it is a JSON object of strings, literals, and objects of these with nothing personal."""
    try:
        document = orjson.loads(record)
    except orjson.JSONDecodeError:
        return None
    if not record.startswith(b"{") or any(unusual in record for unusual in _UNUSUAL):
        return None
    if not isinstance(document, dict):
        return None
    if not all(_is_simple(item) for item in document.values() if isinstance(item, dict)):
        return None
    return document if isinstance(document.get("event_type"), str) else None


def _is_simple(item: Mapping[str, Any]) -> bool:
    """Whether the text of an object can be cut out of its record's (see `events.quoted`)."""
    names = "".join(item)
    return (
        item.keys().isdisjoint(_SEARCHED)
        and not any(bracket in names for bracket in "{}[]")
        and all(map(_is_scalar, item.values()))
    )


def _is_scalar(item: object) -> bool:
    return not isinstance(item, dict | list)


def _names_in(document: Mapping[str, Any]) -> int:
    return len(document) + sum(len(item) for item in document.values() if isinstance(item, dict))


def _is_readable(value: Value, fields: Mapping[str, Field | None]) -> bool:
    if value.personal:
        return value.form is Form.STRING
    if value.field is None:
        return value.name not in fields
    if value.form is Form.SIZED:
        return value.field.kind is not Kind.UUID or value.size == _UUID_BYTES
    if value.form is Form.STRING:
        return value.field.kind in (Kind.TEXT, Kind.MONEY)
    return not (value.only_null and value.field.required)


def _is_object(field: Field | None) -> bool:
    return field is not None and field.kind is Kind.OBJECT


_OBJECT_FIELDS: Final = frozenset(
    name for kind in EVENT_SHAPES for name, field in fields_of(kind).items() if _is_object(field)
)
_SEARCHED: Final = frozenset({*PERSONAL_NAMES, *_OBJECT_FIELDS})
SEARCHED: Final = frozenset(name.encode() for name in _SEARCHED)
"""Names that are searched for in the text of some records: a string that is one would be found instead."""


class _Reading:
    """Walks over the tokens of one record."""

    def __init__(self, record: bytes, fields: Mapping[str, Field | None]) -> None:
        self._record = record
        self._fields = fields
        self._begin = 0
        self._text = b""
        self._sized: list[tuple[Value, int]] = []
        self.values: list[Value] = []
        self.runs: list[Run] = []
        self.objects: list[Span] = []
        self._walk(iter([*_TOKEN.finditer(record)]))
        self._text += record[self._begin :]
        self._end_run()

    def _walk(self, tokens: Iterator[re.Match[bytes]]) -> None:
        within: str | None = None
        opened = Place(0, 0)
        name: str | None = None
        next(tokens)
        for token in tokens:
            if token[0] == b"{":
                assert name is not None, "the record is JSON"
                within, opened, name = name, self._place(token.start()), None
            elif token[0] == b"}" and within is not None:
                self.objects.append(Span(within, opened, self._place(token.end())))
                within = None
            elif token[0] not in b":,}":
                if name is None:
                    name = token[0][1:-1].decode()
                else:
                    self._take(name, token, within)
                    name = None

    def _place(self, at: int) -> Place:
        return Place(len(self.runs), len(self._text) + at - self._begin)

    def _take(self, name: str, token: re.Match[bytes], within: str | None) -> None:
        if name == "event_type" and within is None:
            return
        quoted = token[0].startswith(b'"')
        first, last = token.start() + quoted, token.end() - quoted
        value = self._value(name, last - first, within, quoted=quoted)
        self.values.append(value)
        self._text += self._record[self._begin : first]
        self._begin = last
        if value.form is Form.SIZED:
            self._sized.append((value, len(self._text)))
            self._text += bytes(value.size)
        else:
            self._end_run()

    def _end_run(self) -> None:
        self.runs.append(Run(self._text, tuple(self._sized)))
        self._text, self._sized = b"", []

    def _value(self, name: str, size: int, within: str | None, *, quoted: bool) -> Value:
        field = self._fields.get(name) if within is None else None
        if quoted and field is not None and field.kind in (Kind.UUID, Kind.TIME):
            return Value(name, field, Form.SIZED, size)
        # Rounded up, so that records of about the same length are of the same shape.
        room = max(_LEAST_ROOM, 1 << (size + size // 2).bit_length())
        form = Form.STRING if quoted else Form.LITERAL
        full_name = name if within is None else f"{within}.{name}"
        return Value(full_name, field, form, room, personal=within is None and name in PERSONAL_NAMES)

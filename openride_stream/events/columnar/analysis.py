"""Reads the shape off one record: its fields in their order, and every byte between their values."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from openride_stream.events.columnar.fields import Field, Kind, fields_of, tells
from openride_stream.events.columnar.shapes import Form, Mark, Shape, Value
from openride_stream.events.registry import (
    DOMAIN_OF,
    EVENT_SHAPES,
    EXECUTION_KIND,
    SHAPES,
    UPDATE_KIND,
    WITH_CURRENCY,
)
from openride_stream.events.topics import SourceTopic
from openride_stream.events.types_common import PERSONAL_NAMES

_TOKEN: Final = re.compile(rb'"[^"]*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_UNUSUAL: Final = (b"\\", b"[", b"NaN", b"Infinity")
_LONGEST_BYTES: Final = 16_384
_MOST_QUOTES: Final = 400
"""A shape costs memory for each of its values in every record; no event has nearly as many."""
_ALWAYS: Final = frozenset({"event_id", "event_timestamp"})
_IDENTITIES: Final = {EXECUTION_KIND: frozenset({"analytics_id"}), UPDATE_KIND: frozenset({"event_id"})}


def shape_of(record: bytes, source: SourceTopic) -> Shape | None:
    """The shape of a record; None when records like it have to be looked at one by one."""
    document = _simple(record)
    kind = None if document is None else _kind_of(document, source)
    if document is None or kind is None:
        return None
    fields = fields_of(kind)
    reading = _Reading(record, fields, tells(kind))
    values = reading.values
    # A name that stands twice is met twice.
    met = len(values) + len(reading.objects) + reading.told
    if met != _names_in(document) or not all(_is_readable(value, fields) for value in values):
        return None
    if not all(_is_object(fields.get(name)) for name in reading.objects):
        return None
    names = {value.name for value in values if not value.only_null} | {*reading.objects}
    needed = _IDENTITIES.get(kind, _ALWAYS) | {
        name for name, field in fields.items() if field is not None and field.required
    }
    if not needed <= names:
        return None
    defaults = SHAPES[kind].defaults.items()
    return Shape(
        kind=kind,
        parts=tuple(reading.parts),
        defaults=tuple([(name, default) for name, default in defaults if name not in names]),
        needs_currency=kind in WITH_CURRENCY and "currency" not in names,
    )


def _simple(record: bytes) -> dict[str, Any] | None:
    """The record, if it is a JSON object of strings, literals, and objects of these with nothing personal."""
    if len(record) > _LONGEST_BYTES or record.count(b'"') > _MOST_QUOTES:
        return None
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
    return document


def _kind_of(document: Mapping[str, Any], source: SourceTopic) -> str | None:
    """What a record says that it is; None when that is nothing for this topic."""
    if source.tier is None:
        event_type = document.get("event_type")
        known = isinstance(event_type, str) and DOMAIN_OF.get(event_type) == source.domain
        return event_type if known else None
    if document.get("schedule_type") not in (None, source.tier):
        return None
    update = document.get("update")
    if update is None or update is False:
        return EXECUTION_KIND
    return UPDATE_KIND if update is True else None


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
    if value.form is Form.STRING:
        return value.field.kind in (Kind.UUID, Kind.TIME, Kind.TEXT, Kind.MONEY)
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

    def __init__(self, record: bytes, fields: Mapping[str, Field | None], tells: frozenset[str]) -> None:
        self._record = record
        self._fields = fields
        self._tells = tells
        self.told = 0
        self._begin = 0
        self.parts: list[bytes | Value | Mark] = []
        self.values: list[Value] = []
        self.objects: list[str] = []
        self._walk(iter([*_TOKEN.finditer(record)]))
        self.parts.append(record[self._begin :])

    def _walk(self, tokens: Iterator[re.Match[bytes]]) -> None:
        within: str | None = None
        name: str | None = None
        next(tokens)
        for token in tokens:
            if token[0] == b"{":
                assert name is not None, "the record is JSON"
                within, name = name, None
                self.objects.append(within)
                self._mark(within, token.start())
            elif token[0] == b"}" and within is not None:
                self._mark(within, token.end())
                within = None
            elif token[0] not in b":,}":
                if name is None:
                    name = token[0][1:-1].decode()
                else:
                    self._take(name, token, within)
                    name = None

    def _mark(self, name: str, at: int) -> None:
        self.parts += [self._record[self._begin : at], Mark(name)]
        self._begin = at

    def _take(self, name: str, token: re.Match[bytes], within: str | None) -> None:
        if name in self._tells and within is None:
            self.told += 1
            return
        quoted = token[0].startswith(b'"')
        value = self._value(name, within, quoted=quoted)
        self.values.append(value)
        self.parts += [self._record[self._begin : token.start() + quoted], value]
        self._begin = token.end() - quoted

    def _value(self, name: str, within: str | None, *, quoted: bool) -> Value:
        form = Form.STRING if quoted else Form.LITERAL
        if within is not None:
            # No name of a field has a NUL, so that this is nobody else's.
            return Value(f"{within}\0{name}", None, form)
        return Value(name, self._fields.get(name), form, personal=name in PERSONAL_NAMES)

"""Single values of records as pydantic and orjson take them; texts that come again are taken once."""

import re
from functools import cache
from typing import Any, Final

import orjson
from pydantic import ValidationError

from openride_stream.events.columnar.fields import Field, fields_of

BAD: Final = object()
"""Stands for a value that is none, or not one of its field."""
_TEXTS_KEPT: Final = 10_000
_LONGEST_KEPT: Final = 64
_CONTROL: Final = re.compile(rb"[\x00-\x1f\\]")


def loaded(literal: bytes) -> Any:
    """What a literal stands for in JSON, or `BAD`."""
    try:
        return orjson.loads(literal)
    except orjson.JSONDecodeError:
        return BAD


def taken(field: Field, value: object) -> Any:
    """The value as the field takes it, or `BAD`."""
    try:
        return field.validator.validate_python(value)
    except ValidationError:
        return BAD


class Texts(dict[bytes, str | None]):
    """The text of each string that was met, None for one that is not valid: most fields have few."""

    def __init__(self, field: Field | None) -> None:
        self._field = field

    def __missing__(self, value: bytes) -> str | None:
        text = self._read(value)
        if len(value) <= _LONGEST_KEPT:
            if len(self) >= _TEXTS_KEPT:
                self.clear()
            self[value] = text
        return text

    def _read(self, value: bytes) -> str | None:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return None
        if _CONTROL.search(value):
            return None
        found = taken(self._field, text) if self._field else text
        return None if found is BAD else found


@cache
def texts_of(kind: str, name: str) -> Texts:
    """Those of a declared field of a kind of record."""
    return Texts(fields_of(kind)[name])

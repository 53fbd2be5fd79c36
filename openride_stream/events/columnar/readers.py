"""From the places of a shape's values to their columns."""

import re
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import ValidationError

from openride_stream.events.columnar.analysis import SEARCHED
from openride_stream.events.columnar.columns import Column
from openride_stream.events.columnar.fields import Field, Kind, fields_of
from openride_stream.events.columnar.scalars import decimals, times, uuids
from openride_stream.events.columnar.shapes import Form, Shape, Span, Value
from openride_stream.events.columnar.text import Bytes, Mask, Places
from openride_stream.events.columnar.walk import Walk
from openride_stream.events.identity import precedence
from openride_stream.events.masking import pseudonym
from openride_stream.events.registry import EVENT_SHAPES

_TEXTS_KEPT: Final = 10_000
_MONEYS: Final = re.compile(rb"(?:[0-9]{1,16}\.[0-9]{2},)*+")
_FLAGS: Final = {b"true": True, b"false": False}
_NUMBERS: Final = frozenset({Kind.NUMBER, Kind.WHOLE})
_NUMERIC: Final = frozenset({int, float})
_SCALARS: Final = frozenset({int, float, bool, type(None)})
_UNUSUAL: Final = re.compile(rb"[{}\[\]]|NaN|Infinity")
"""In records whose text is looked into: what makes that, one by one, do with a document instead."""
_CONTROL: Final = re.compile(rb"[\x00-\x1f\\]")


class Reader:
    """Reads the values of records of one shape; `good` says which records are proven so far."""

    def __init__(self, walk: Walk, shape: Shape, pii_key: bytes) -> None:
        self._walk = walk
        self._shape = shape
        self._pii_key = pii_key
        self._pseudonyms: dict[int, list[str]] = {}
        self.good: Mask = np.ones(len(walk.lines), bool)

    def columns(self) -> dict[str, Column]:
        """The declared fields; of records that are not proven, anything."""
        found = self._sized() | self._numbers()
        for number, value in enumerate(self._shape.varying):
            if value.name not in found and (column := self._column(number, value)) is not None:
                found[value.name] = column
        return found | {span.name: self._object(span) for span in self._shape.objects}

    def payload(self, values: list[bytes]) -> dict[str, Column]:
        """The payload, and `precedence` where that does not follow from it; to be asked for last."""
        if not self._pseudonyms:
            return {"payload": values}
        walk = self._walk
        pieces, begins = [], walk.text.starts[walk.lines]
        for number, pseudonyms in self._pseudonyms.items():
            pieces.append(walk.text.strings(begins, walk.begins[number] - begins))
            pieces.append([*map(str.encode, pseudonyms)])
            begins = walk.begins[number] + walk.sizes[number]
        pieces.append(walk.text.strings(begins, walk.text.ends[walk.lines] - begins))
        masked = [*map(b"".join, zip(*pieces, strict=True))]
        return {"payload": masked, "precedence": np.array([*map(precedence, values)], np.uint64)}

    def _object(self, span: Span) -> Column:
        """An object's text, as it was sent."""
        begins = self._walk.places(span.begin)
        return self._walk.text.strings(begins, self._walk.places(span.end) - begins)

    def _sized(self) -> dict[str, Column]:
        """UUIDs and times; those of the same length are read together."""
        written: dict[tuple[bool, int], dict[str, Bytes]] = {}
        for run, window in zip(self._shape.runs, self._walk.runs, strict=True):
            for value, begin in run.sized:
                alike = written.setdefault((value.declared.kind is Kind.TIME, value.size), {})
                alike[value.name] = window[:, begin : begin + value.size]
        columns: dict[str, Column] = {}
        for (is_time, _), characters in written.items():
            together = np.concatenate([*characters.values()])
            found, proven = times(together) if is_time else uuids(together)
            for name, (part, good) in zip(
                characters, self._apart(len(characters), found, proven), strict=True
            ):
                columns[name] = part
                self.good &= good
        return columns

    def _numbers(self) -> dict[str, Column]:
        numbers = [
            number
            for number, value in enumerate(self._shape.varying)
            if value.form is Form.LITERAL and value.field is not None and value.declared.kind in _NUMBERS
        ]
        if not numbers:
            return {}
        begins = np.concatenate([self._walk.begins[number] for number in numbers])
        sizes = np.concatenate([self._walk.sizes[number] for number in numbers])
        if len(begins) >= _MANY:
            found, proven = decimals(self._walk.text, begins, sizes)
        else:
            found, proven = np.zeros(len(begins)), np.zeros(len(begins), bool)
        columns: dict[str, Column] = {}
        for number, (part, good) in zip(numbers, self._apart(len(numbers), found, proven), strict=True):
            if (column := self._number(number, part, good)) is not None:
                columns[self._shape.varying[number].name] = column
        return columns

    def _apart(self, values: int, found: Any, proven: Mask) -> list[tuple[Any, Mask]]:
        """What was read of several values together, by value."""
        count = len(self.good)
        parts = [slice(place * count, (place + 1) * count) for place in range(values)]
        return [(found[part], proven[part]) for part in parts]

    def _number(self, number: int, found: npt.NDArray[np.float64], proven: Mask) -> Column | None:
        """A numeric field; numbers that are not written as usual are parsed by themselves."""
        value = self._shape.varying[number]
        nulls: Mask = np.zeros(len(found), bool)
        odd = np.flatnonzero(~proven)
        if len(odd):
            items = self._parsed(number, odd)
            if not _NUMERIC.issuperset(map(type, items)):
                nulls[odd] = [item is None for item in items]
                self.good[odd] &= [item is None or type(item) in _NUMERIC for item in items]
                items = [item if type(item) in _NUMERIC else 0 for item in items]
            found[odd] = items
            self.good &= np.abs(found) <= _EXACT
        self._validate(value.declared, found, nulls)
        return self._absent(value, found, nulls)

    def _validate(self, field: Field, found: npt.NDArray[np.float64], nulls: Mask) -> None:
        """The least and the greatest are enough: what a field takes is an interval."""
        if field.required:
            self.good &= ~nulls
        if field.kind is Kind.WHOLE:
            self.good &= found == np.floor(found)
        lines = np.flatnonzero(self.good & ~nulls)
        if not len(lines):
            return
        number = int if field.kind is Kind.WHOLE else float
        ends = found[lines]
        if _taken(field, number(ends.min())) is _BAD or _taken(field, number(ends.max())) is _BAD:
            for line in lines.tolist():
                self.good[line] = _taken(field, number(found[line])) is not _BAD

    def _absent(self, value: Value, found: npt.NDArray[Any], nulls: Mask) -> Column | None:
        """The column, with its default where it is null; None when it is null throughout and has none."""
        column = found.astype(np.int64) if value.declared.kind is Kind.WHOLE else found
        if not nulls.any():
            return column
        default = EVENT_SHAPES[self._shape.event_type].defaults.get(value.name)
        if default is not None:
            return np.where(nulls, default, column)
        if nulls.all():
            return None
        return [None if null else item for item, null in zip(column.tolist(), nulls.tolist(), strict=True)]

    def _column(self, number: int, value: Value) -> Column | None:
        if value.personal:
            return self._personal(number, value)
        if value.field is None or value.only_null:
            self._only_prove(number, value)
            return None
        match value.declared.kind:
            case Kind.FLAG:
                return self._flags(number, value)
            case Kind.TEXT:
                return self._texts(number, value)
            case _:
                return self._moneys(number, value)

    def _personal(self, number: int, value: Value) -> Column | None:
        """Pseudonyms; nothing of the values themselves is kept beyond the batch."""
        kept = _Texts(value.field)
        texts = [kept[text] for text in self._strings(number)]
        self.good &= [text is not None for text in texts]
        of = {text: pseudonym(value.name, text or "", self._pii_key) for text in set(texts)}
        self._pseudonyms[number] = [of[text] for text in texts]
        return self._pseudonyms[number] if value.field is not None else None

    def _only_prove(self, number: int, value: Value) -> None:
        """A field that is no column: it has to be JSON, and null where nothing else will do."""
        if value.form is Form.LITERAL:
            items = self._parsed(number)
            self.good &= [item is None if value.only_null else type(item) in _SCALARS for item in items]
        else:
            self.good &= [_PLAIN[text] is not None for text in self._strings(number)]

    def _texts(self, number: int, value: Value) -> Column:
        kept = _texts_of(self._shape.event_type, value.name)
        found = [kept[text] for text in self._strings(number)]
        if None in found:
            self.good &= [text is not None for text in found]
        return found

    def _flags(self, number: int, value: Value) -> Column | None:
        items = [_FLAGS.get(text, _BAD) for text in self._strings(number)]
        if _BAD in items:
            items = self._parsed(number)
        nulls = np.array([item is None for item in items])
        self.good &= [item in (True, False, None) and type(item) is not int for item in items]
        if value.declared.required:
            self.good &= ~nulls
        return self._absent(value, np.array([item is True for item in items]), nulls)

    def _moneys(self, number: int, value: Value) -> Column:
        """Hundredths; amounts that are not written as usual are validated one by one."""
        amounts: list[Any] = self._strings(number)
        joined = b",".join(amounts) + b","
        if value.form is Form.STRING:
            if _MONEYS.fullmatch(joined) and joined.count(b",") == len(amounts):
                return np.array([*map(int, joined.replace(b".", b"").split(b",")[:-1])], np.int64)
            amounts = [_PLAIN[amount] for amount in amounts]
        else:
            amounts = self._parsed(number)
        taken = [_taken(value.declared, amount) for amount in amounts]
        self.good &= [amount is not _BAD for amount in taken]
        return np.array([0 if amount is _BAD else int(amount.replace(".", "")) for amount in taken], np.int64)

    def _strings(self, number: int) -> list[bytes]:
        found = self._walk.text.strings(self._walk.begins[number], self._walk.sizes[number])
        if self._shape.is_looked_into:
            self.good &= [text not in SEARCHED and not _UNUSUAL.search(text) for text in found]
        return found

    def _parsed(self, number: int, lines: Places | None = None) -> list[Any]:
        """Literals as orjson reads them; `_BAD` for what is none."""
        walk = self._walk
        begins, sizes = walk.begins[number], walk.sizes[number]
        literals = walk.text.strings(*((begins, sizes) if lines is None else (begins[lines], sizes[lines])))
        joined = b",".join(literals)
        # No comma within a literal, so that they stay apart: a bracket shows in their number.
        if joined.count(b",") == len(literals) - 1:
            try:
                found: list[Any] = orjson.loads(b"[" + joined + b"]")
            except orjson.JSONDecodeError:
                pass
            else:
                if len(found) == len(literals):
                    return found
        return [*map(_loaded, literals)]


_BAD: Final = object()
_EXACT: Final = 2**53
_MANY: Final = 300
"""Numbers, for reading them all at once to be quicker than with orjson."""


def _loaded(literal: bytes) -> Any:
    try:
        return orjson.loads(literal)
    except orjson.JSONDecodeError:
        return _BAD


def _taken(field: Field, value: object) -> Any:
    try:
        return field.validator.validate_python(value)
    except ValidationError:
        return _BAD


class _Texts(dict[bytes, str | None]):
    """The text of each string that was met, None for one that is not valid: most fields have few."""

    def __init__(self, field: Field | None) -> None:
        self._field = field

    def __missing__(self, value: bytes) -> str | None:
        if len(self) >= _TEXTS_KEPT:
            self.clear()
        self[value] = text = self._read(value)
        return text

    def _read(self, value: bytes) -> str | None:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return None
        if _CONTROL.search(value):
            return None
        taken = _taken(self._field, text) if self._field else text
        return None if taken is _BAD else taken


_PLAIN: Final = _Texts(None)


@cache
def _texts_of(event_type: str, name: str) -> _Texts:
    return _Texts(fields_of(event_type)[name])

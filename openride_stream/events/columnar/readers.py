"""From the places of a shape's values to their columns."""

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from openride_stream.events.columnar import programs
from openride_stream.events.columnar.analysis import SEARCHED
from openride_stream.events.columnar.columns import Column
from openride_stream.events.columnar.fields import Field, Kind
from openride_stream.events.columnar.scan import Scan
from openride_stream.events.columnar.shapes import Form, Value
from openride_stream.events.columnar.text import Mask, Places, Slices
from openride_stream.events.columnar.texts import BAD, Texts, loaded, taken, texts_of
from openride_stream.events.identity import precedence
from openride_stream.events.masking import pseudonym
from openride_stream.events.registry import SHAPES

_FLAGS: Final = {b"true": True, b"false": False}
_FLAG_TYPES: Final = frozenset({bool, type(None)})
_NUMERIC: Final = frozenset({int, float})
_SCALARS: Final = frozenset({int, float, bool, type(None)})
_UNUSUAL: Final = re.compile(rb"[{}\[\]]|NaN|Infinity")
"""In records whose text is looked into: what makes that, one by one, do with a document instead."""
_EXACT: Final = 2**53


class Reader:
    """Reads the values of records of one shape.

    Attributes:
        good: which records are proven so far.
        nulls: by name of a numeric field that is null in some records, which ones.
    """

    def __init__(self, scan: Scan, pii_key: bytes) -> None:
        self._scan = scan
        self._kind = scan.program.shape.kind
        self._pii_key = pii_key
        self._pseudonyms: dict[str, list[str]] = {}
        self.good: Mask = np.ones(len(scan.lines), bool)
        self.nulls: dict[str, Mask] = {}

    def columns(self) -> dict[str, Column]:
        """The declared fields; of records that are not proven, anything."""
        found: dict[str, Column] = {}
        for value in self._scan.program.values:
            if (column := self._column(value)) is not None:
                found[value.name] = column
        for number, name in enumerate(self._scan.program.objects):
            begins, ends = self._scan.marks[2 * number], self._scan.marks[2 * number + 1]
            found[name] = self._scan.text.strings(begins, ends - begins)
        return found

    def payload(self) -> dict[str, Column]:
        """The payload, and `precedence` where that does not follow from it; to be asked for last."""
        scan = self._scan
        begins, ends = scan.text.starts[scan.lines], scan.text.ends[scan.lines]
        values = Slices(scan.text, begins, ends)
        if not self._pseudonyms:
            return {"payload": values}
        pieces = []
        for name, pseudonyms in self._pseudonyms.items():
            span = scan.program.spans[name]
            pieces.append(scan.text.strings(begins, scan.begins[span] - begins))
            pieces.append([*map(str.encode, pseudonyms)])
            begins = scan.begins[span] + scan.sizes[span]
        pieces.append(scan.text.strings(begins, ends - begins))
        masked = [*map(b"".join, zip(*pieces, strict=True))]
        return {"payload": masked, "precedence": np.array([*map(precedence, values)], np.uint64)}

    def _column(self, value: Value) -> Column | None:
        if value.personal:
            return self._personal(value)
        if value.field is None or value.only_null:
            self._only_prove(value)
            return None
        kind, slot = self._scan.program.slots[value.name]
        if kind in (programs.UUID, programs.TIME):
            plain: Column = self._scan.uuids[slot] if kind == programs.UUID else self._scan.times[slot]
            return plain
        if kind in (programs.NUMBER, programs.MONEY):
            is_number = kind == programs.NUMBER
            return self._number(value, slot) if is_number else self._money(value, self._scan.cents[slot])
        if kind == programs.STRING:
            return self._texts(value)
        return self._flags(value) if value.field.kind is Kind.FLAG else self._literal_money(value)

    def _number(self, value: Value, slot: int) -> Column | None:
        """A numeric field; numbers that are not written as usual are parsed by themselves."""
        found = self._scan.numbers[slot]
        nulls: Mask = np.zeros(len(found), bool)
        odd = np.flatnonzero(np.isnan(found))
        if len(odd):
            items = self._parsed(value, odd)
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
        if taken(field, number(ends.min())) is BAD or taken(field, number(ends.max())) is BAD:
            for line in lines.tolist():
                self.good[line] = taken(field, number(found[line])) is not BAD

    def _absent(self, value: Value, found: npt.NDArray[Any], nulls: Mask) -> Column | None:
        """The column, with its default where it is null; None when it is null throughout and has none."""
        column = found
        if value.declared.kind is Kind.WHOLE:
            # What is not proven may be too large for any integer.
            column = np.where(np.abs(found) <= _EXACT, found, 0).astype(np.int64)
        if not nulls.any():
            return column
        self.nulls[value.name] = nulls
        default = SHAPES[self._kind].defaults.get(value.name)
        if default is not None:
            return np.where(nulls, default, column)
        if nulls.all():
            return None
        return [None if null else item for item, null in zip(column.tolist(), nulls.tolist(), strict=True)]

    def _personal(self, value: Value) -> Column | None:
        """Pseudonyms; nothing of the values themselves is kept beyond the batch."""
        kept = Texts(value.field)
        texts = [kept[text] for text in self._strings(value)]
        self.good &= [text is not None for text in texts]
        of = {text: pseudonym(value.name, text or "", self._pii_key) for text in set(texts)}
        self._pseudonyms[value.name] = [of[text] for text in texts]
        return self._pseudonyms[value.name] if value.field is not None else None

    def _only_prove(self, value: Value) -> None:
        """A field that is no column: it has to be JSON, and null where nothing else will do."""
        if value.form is Form.LITERAL:
            items = self._parsed(value)
            self.good &= [item is None if value.only_null else type(item) in _SCALARS for item in items]
        elif (
            self._scan.program.is_looked_into
            or not self._scan.plain[self._scan.program.spans[value.name]].all()
        ):
            plain = Texts(None)
            self.good &= [plain[text] is not None for text in self._strings(value)]

    def _texts(self, value: Value) -> Column:
        if (standing := self._standing(value)) is not None:
            return standing
        kept = texts_of(self._kind, value.name)
        found = [*map(kept.__getitem__, self._strings(value))]
        if None in found:
            self.good &= [text is not None for text in found]
        return found

    def _standing(self, value: Value) -> Slices | None:
        """Texts where they stand, if they may be any and each is written as it is read."""
        least, span = value.declared.least, self._scan.program.spans[value.name]
        if least is None or self._scan.program.is_looked_into or not self._scan.plain[span].all():
            return None
        begins, sizes = self._scan.begins[span], self._scan.sizes[span]
        self.good &= sizes >= least
        return Slices(self._scan.text, begins, begins + sizes)

    def _flags(self, value: Value) -> Column | None:
        items = [_FLAGS.get(text, BAD) for text in self._strings(value)]
        if BAD in items:
            items = self._parsed(value)
        nulls = np.array([item is None for item in items])
        self.good &= [type(item) in _FLAG_TYPES for item in items]
        if value.declared.required:
            self.good &= ~nulls
        return self._absent(value, np.array([item is True for item in items]), nulls)

    def _money(self, value: Value, cents: npt.NDArray[np.int64]) -> Column:
        """Hundredths; amounts that are not written as usual are validated one by one."""
        odd = np.flatnonzero(cents < 0)
        if len(odd):
            plain = Texts(None)
            self._take_amounts(value, odd, [plain[text] for text in self._strings(value, odd)], cents)
        return cents

    def _literal_money(self, value: Value) -> Column:
        """The same of amounts that are JSON numbers."""
        cents = np.zeros(len(self.good), np.int64)
        every = np.arange(len(cents))
        self._take_amounts(value, every, self._parsed(value), cents)
        return cents

    def _take_amounts(
        self, value: Value, lines: Places, amounts: list[Any], cents: npt.NDArray[np.int64]
    ) -> None:
        found = [taken(value.declared, amount) for amount in amounts]
        self.good[lines] &= [amount is not BAD for amount in found]
        cents[lines] = [0 if amount is BAD else int(amount.replace(".", "")) for amount in found]

    def _strings(self, value: Value, lines: Places | None = None) -> list[bytes]:
        span = self._scan.program.spans[value.name]
        begins, sizes = self._scan.begins[span], self._scan.sizes[span]
        if lines is not None:
            return self._scan.text.strings(begins[lines], sizes[lines])
        found = self._scan.text.strings(begins, sizes)
        if self._scan.program.is_looked_into:
            self.good &= [text not in SEARCHED and not _UNUSUAL.search(text) for text in found]
        return found

    def _parsed(self, value: Value, lines: Places | None = None) -> list[Any]:
        """Literals as orjson reads them; `BAD` for what is none."""
        literals = self._strings(value, lines)
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
        return [*map(loaded, literals)]

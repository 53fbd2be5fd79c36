"""Columns of ClickHouse's Native format: each type's values in the bytes that the engine itself keeps."""

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openride_stream.clickhouse.strings import Written, varint, written

Values = Sequence[Any] | npt.NDArray[Any]
Part = tuple[bytes, bytes, Written]
"""Name and type; which values are null, where the type has that; the values."""
_Encode = Callable[[Values], Written]

_NO_UUID: Final = "00000000-0000-0000-0000-000000000000"
_COMPUTED: Final = object()
_LOW: Final = "LowCardinality(String)"


def _little_endian(values: "array[Any]") -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _numbers(code: str) -> _Encode:
    return lambda values: _little_endian(array(code, values))


def _strings(values: Values) -> Written:
    return written([*map(str.encode, values)])


def _repeated_strings(values: Values) -> bytes:
    """Strings of which most occur again and again."""
    encoded = {value: _text(value) for value in set(values)}
    if len(encoded) == 1:
        return encoded.popitem()[1] * len(values)
    return b"".join([encoded[value] for value in values])


def _uuids(values: Values) -> bytes:
    """Two 64-bit halves, the high one first, each little-endian."""
    halves = array("Q", bytes.fromhex("".join(values).replace("-", "")))
    if sys.byteorder == "little":
        halves.byteswap()
    return halves.tobytes()


def _cents(values: Values) -> bytes:
    """Amounts as decimal strings with two places."""
    return _little_endian(array("q", [int(value.replace(".", "")) for value in values]))


def _string_arrays(values: Values) -> bytes:
    ends = _little_endian(array("Q", accumulate(map(len, values))))
    return b"".join([ends, _strings([text for value in values for text in value])])


KINDS: Final[Mapping[str, tuple[_Encode, Any]]] = {
    "String": (_strings, ""),
    "UUID": (_uuids, _NO_UUID),
    "Float64": (_numbers("d"), 0.0),
    "UInt8": (_numbers("B"), 0),
    "UInt16": (_numbers("H"), 0),
    "UInt32": (_numbers("I"), 0),
    "UInt64": (_numbers("Q"), 0),
    "Int64": (_numbers("q"), 0),
    "Bool": (_numbers("B"), False),
    "DateTime64(3, 'UTC')": (_numbers("q"), 0),
    "Decimal(18, 2)": (_cents, "0.00"),
    "Array(String)": (_string_arrays, ()),
}
"""How each type is written, and the value that stands where a row has none."""


_DTYPES: Final = {
    "Float64": "<f8",
    "UInt8": "u1",
    "UInt16": "<u2",
    "UInt32": "<u4",
    "UInt64": "<u8",
    "Int64": "<i8",
    "Bool": "u1",
    "DateTime64(3, 'UTC')": "<i8",
    "Decimal(18, 2)": "<i8",
}
"""How arrays of each type are written; those of decimals hold hundredths."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: how it is announced and written.

    `absent` stands in a row that lacks the column when another row of the block has it; `head` announces it.
    """

    name: str
    kind: str
    encode: _Encode
    absent: Any
    nullable: bool
    head: bytes

    @classmethod
    def of(cls, name: str, kind: str, default: str) -> "Column":
        """From a row of system.columns.

        Raises:
            KeyError: a type that is not written here.
        """
        encode, zero = KINDS[base(kind)]
        if kind == _LOW:
            encode = _repeated_strings
        nullable = kind.startswith("Nullable(")
        sent = kind.replace(_LOW, "String")
        return cls(name, sent, encode, _literal(default, zero), nullable, _text(name) + _text(sent))

    @property
    def computed(self) -> bool:
        """Whether only the server knows the value that a row without one gets."""
        return self.absent is _COMPUTED

    def part(self, values: Values) -> Part:
        """The column's part of a block; None stands for no value."""
        head = self.head
        if isinstance(values, np.ndarray):
            return head, bytes(len(values)) if self.nullable else b"", self._array(values)
        if values and isinstance(values[0], bytes):
            return head, bytes(len(values)) if self.nullable else b"", written(values)
        if None not in values:
            return head, bytes(len(values)) if self.nullable else b"", self.encode(values)
        filled = [self.absent if value is None else value for value in values]
        nulls = bytes([value is None for value in values]) if self.nullable else b""
        return head, nulls, self.encode(filled)

    def repeated(self, value: Any, count: int) -> Part:
        """The column's part of a block of `count` rows that all have the same value."""
        nulls = bytes(count) if self.nullable else b""
        return self.head, nulls, bytes(self.encode([value])) * count

    def _array(self, values: npt.NDArray[Any]) -> bytes:
        kind = base(self.kind)
        if kind == "UUID":
            return values.reshape(-1, 2, 8)[:, :, ::-1].tobytes()
        if kind not in _DTYPES:
            message = f"no column of {self.kind} is written from an array"
            raise ValueError(message)
        written = values.astype(_DTYPES[kind], copy=False)
        if values.dtype.itemsize > written.itemsize and not np.array_equal(written, values):
            message = f"{self.name}: a number that {self.kind} cannot hold"
            raise OverflowError(message)
        return written.tobytes()


def base(kind: str) -> str:
    """The type without what Nullable and LowCardinality add."""
    plain = kind.replace(_LOW, "String")
    return plain.removeprefix("Nullable(").removesuffix(")") if plain.startswith("Nullable(") else plain


def _text(text: str) -> bytes:
    encoded = text.encode()
    return varint(len(encoded)) + encoded


def _literal(default: str, zero: Any) -> Any:
    """What a DEFAULT expression stands for; `zero` when there is none."""
    if not default:
        return zero
    if default.isdigit():
        return f"{default}.00" if isinstance(zero, str) else int(default)
    return {"''": "", "false": False, "true": True}.get(default, _COMPUTED)

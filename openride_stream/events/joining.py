"""Many records validated as one JSON array, and why that is sound.

Joining is worth it because a call into pydantic costs about as much as a small record. It must never let
one record change the verdict on another, not even records crafted to that end, such as `{"x":[{}` followed
by `{}]}`, or a string that opens in one record and closes in the next.

Only *plain* records are joined: the first byte is `{`, and there is no other `{`. Let n plain records be
joined as `[r1,r2,...,rn]`, and let validation as a list of n objects succeed. Every object begins with a
`{` and there are n of them, so each one is the beginning of an element: element i begins where record i
does. Up to the beginning of element i+1 the text is both "record i, then our comma" and "an object, white
space, a comma, white space". It ends with our comma, so that comma is the separator, and record i is one
object and nothing else (or white space after it). For the last record the array's own bracket takes the
comma's place. Hence each record alone is one valid object, which is what was to be shown.

*Closed* records (`quoted.is_closed`) are joined with their like: no backslash, so every quotation mark of the
text opens or closes a string; an even number of them in each record, so no string reaches from one record
into another; and outside of strings, brackets that form one group, opened by the record's first byte. As
the array is valid, its brackets match as they nest, so the object that begins with a record ends with that
record's last bracket. What may follow it in the record is neither bracket nor string: white space, or by
the array's grammar a comma and an element that is no object, and then validation does not succeed. The two
kinds are never in one join: a string that is left open in a plain record would turn the next one inside out.

Without success nothing is known: elements need not be records, so an error's index only names suspects. The
rest is joined anew, and proves itself or is validated one by one.
"""

from collections.abc import Sequence
from typing import TypeGuard

from pydantic import ValidationError

from openride_stream.events.completion import defaults_of, without_nulls
from openride_stream.events.registry import VALIDATORS, Row
from openride_stream.events.topics import SourceTopic


class _NotProvenError(Exception):
    """The join did not validate; `suspects` are indexes of elements, none when the text was not JSON."""

    def __init__(self, suspects: frozenset[int]) -> None:
        super().__init__()
        self.suspects = suspects


def is_plain(value: bytes) -> bool:
    """Whether the value's only `{` is its first byte."""
    return value.rfind(b"{") == 0


def all_plain(values: Sequence[bytes | None], limit_bytes: int) -> TypeGuard[Sequence[bytes]]:
    """Whether every value is plain and none is longer than the limit: nearly always, so it must be cheap."""
    try:
        longest_bytes = max(map(len, values))  # type: ignore[arg-type]  # None has no length
    except TypeError:
        return False
    return longest_bytes <= limit_bytes and not any([value.rfind(b"{") for value in values])  # type: ignore[union-attr]


def validate_joinable(source: SourceTopic, values: Sequence[bytes]) -> list[Row | None]:
    """The validated row of each joinable value, in order; None for one that must be examined on its own."""
    try:
        return _joined(source, values)
    except _NotProvenError as failure:
        suspects = failure.suspects
    if not suspects:
        return _one_by_one(source, values)
    rows: list[Row | None] = [None] * len(values)
    rest = [index for index in range(len(values)) if index not in suspects]
    for index, row in zip(rest, _rest(source, [values[index] for index in rest]), strict=True):
        rows[index] = row
    return rows


def _rest(source: SourceTopic, values: Sequence[bytes]) -> list[Row | None]:
    try:
        return _joined(source, values)
    except _NotProvenError:
        return _one_by_one(source, values)


def _one_by_one(source: SourceTopic, values: Sequence[bytes]) -> list[Row | None]:
    return [_one(source, value) for value in values]


def _one(source: SourceTopic, value: bytes) -> Row | None:
    try:
        (row,) = _joined(source, (value,))
    except _NotProvenError:
        return None
    return row


def _joined(source: SourceTopic, values: Sequence[bytes]) -> list[Row | None]:
    text = b"[" + b",".join(values) + b"]"
    try:
        rows: list[Row | None] = [*VALIDATORS[source.domain].validate_json(text)]
    except ValidationError as error:
        raise _NotProvenError(_suspects(error)) from None
    if len(rows) != len(values):
        raise _NotProvenError(frozenset())
    if _has_constant(text) or b"null" in text:
        return [_second_look(source, row, value) for row, value in zip(rows, values, strict=True)]
    return rows


def _has_constant(text: bytes) -> bool:
    """Whether NaN or Infinity occurs; a single rare letter is looked for fifty times faster than a word."""
    return (b"N" in text and b"NaN" in text) or (b"I" in text and b"Infinity" in text)


def _second_look(source: SourceTopic, row: Row | None, value: bytes) -> Row | None:
    """What pydantic lets pass: its JSON has NaN and Infinity (in fields that nobody declared), and null."""
    if row is None or _has_constant(value):
        return None
    return without_nulls(row, defaults_of(row, source)) if b"null" in value else row


def _suspects(error: ValidationError) -> frozenset[int]:
    failures = error.errors(include_url=False, include_context=False, include_input=False)
    return frozenset(int(failure["loc"][0]) for failure in failures if failure["loc"])

"""One record on its own: the exact verdict on whatever cannot be, or was not, accepted in a join.

Several times slower than a join, and the only place that says why a record is refused and
that masks personal values.
"""

import re
from typing import Any, Final

from pydantic import ValidationError

from openride_stream.events import documents, quoted
from openride_stream.events.completion import complete, defaults_of, without_nulls
from openride_stream.events.frame import Frame
from openride_stream.events.identity import precedence
from openride_stream.events.joining import is_plain
from openride_stream.events.masking import hides_personal_values, mask
from openride_stream.events.records import Record
from openride_stream.events.registry import (
    DOMAIN_OF,
    TOPIC_OF,
    UPDATE_VALIDATOR,
    VALIDATORS,
    Row,
    Validator,
)
from openride_stream.events.rejects import RejectClass, Rejection
from openride_stream.events.types_common import PERSONAL_NAMES

OBJECT_FIELDS: Final = ("device_info", "location")
"""Fields that hold an object; their columns hold its JSON text."""
_MESSAGE_FIELDS: Final = 5
_MANY_DIGITS: Final = 4000
_STRING: Final = rb'"(?:[^"\\]|\\.)*+"'
_LONG_NUMBER: Final = rb"(?<![0-9.eE+-])-?[0-9]{4001,}+(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_STRING_OR_LONG_NUMBER: Final = re.compile(_STRING + b"|" + _LONG_NUMBER, re.DOTALL)
"""In a text that is JSON. The validator reads no number of more than 4,300 digits, as Python."""


def examine(record: Record, frame: Frame) -> Row:
    """The whole row of one record.

    Raises:
        Rejection: the record breaks the contract; of several reasons the first in the contract's order.
    """
    value = record.value
    if not value:
        raise Rejection(RejectClass.MALFORMED_JSON, "the value is empty")
    limit_bytes = frame.policy.max_record_bytes
    if len(value) > limit_bytes:
        raise Rejection(RejectClass.RECORD_TOO_LARGE, f"the value is longer than {limit_bytes} bytes")
    text = _decoded(value)
    document = documents.loads(text)
    row = _validated(value, _validator_for(document, frame))
    row = without_nulls(row, defaults_of(row, frame.source))
    complete(row, record, value, frame)
    # No join takes an update; that its payload is what columns make of it, it is read as what one has proven.
    proven = "is_update" in row and (is_plain(value) or quoted.is_closed(value))
    if not (proven and _store_text(row, text, value, frame)):
        _store(row, document, text, value, frame)
    return row


def store_proven(row: Row, value: bytes, frame: Frame) -> None:
    """Give a row that a join has proven valid its payload and its columns, without personal values."""
    text = value.decode()
    if not _store_text(row, text, value, frame):
        _store(row, documents.loads(text), text, value, frame)


def _store_text(row: Row, text: str, value: bytes, frame: Frame) -> bool:
    """As `_store`, for the usual text; False when only a parsed document will do."""
    masked = quoted.with_pseudonyms(text, frame.policy.pii_key)
    if masked is None:
        return False
    payload, pseudonyms = masked
    objects: Row = {name: quoted.object_text(payload, name) for name in OBJECT_FIELDS if name in row}
    if None in objects.values():
        return False
    row.pop("personal_", None)
    row["payload"] = payload
    if pseudonyms:
        row["precedence"] = precedence(value)
        row |= {name: pseudonym for name, pseudonym in pseudonyms.items() if name in row}
    row |= objects
    return True


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}"
        raise Rejection(RejectClass.MALFORMED_JSON, message) from None


def _validator_for(document: Any, frame: Frame) -> Validator:
    if not isinstance(document, dict):
        raise Rejection(RejectClass.NOT_AN_OBJECT, "the value is JSON but not an object")
    if frame.source.tier is not None:
        return UPDATE_VALIDATOR if document.get("update") is True else VALIDATORS["schedule"]
    event_type = document.get("event_type")
    if not isinstance(event_type, str):
        fault = "Field required" if "event_type" not in document else "Input should be a valid string"
        raise Rejection(RejectClass.INVALID_FIELD, f"event_type: {fault}")
    if event_type not in DOMAIN_OF:
        raise Rejection(RejectClass.UNKNOWN_EVENT_TYPE, "event_type: not one that the contract knows")
    if DOMAIN_OF[event_type] != frame.source.domain:
        message = f"event_type: {event_type} belongs to {TOPIC_OF[event_type].name}"
        raise Rejection(RejectClass.WRONG_TOPIC, message)
    return VALIDATORS[frame.source.domain]


def _validated(value: bytes, validator: Validator) -> Row:
    """The validated row; in brackets, exactly as in a join, so that no limit differs from there."""
    if len(value) > _MANY_DIGITS:
        value = _STRING_OR_LONG_NUMBER.sub(_shortened, value)
    try:
        (row,) = validator.validate_json(b"[" + value + b"]")
    except ValidationError as error:
        raise _rejection_of(error) from None
    return row


def _shortened(found: re.Match[bytes]) -> bytes:
    # Infinite for the validator, so that no declared field takes it. The payload keeps what was sent.
    return found[0] if found[0].startswith(b'"') else b"1e999"


def _rejection_of(error: ValidationError) -> Rejection:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if not faults[0]["loc"]:
        return Rejection(RejectClass.MALFORMED_JSON, "not JSON that can be stored")
    messages = [f"{_field_of(fault['loc'])}: {fault['msg']}" for fault in faults[:_MESSAGE_FIELDS]]
    if len(faults) > _MESSAGE_FIELDS:
        messages.append(f"and {len(faults) - _MESSAGE_FIELDS} more")
    return Rejection(RejectClass.INVALID_FIELD, "; ".join(messages))


def _field_of(loc: tuple[int | str, ...]) -> str:
    """`active_days.3` of `(index, event type, "active_days", 3)`."""
    return ".".join(str(part) for part in loc[1:] if part not in DOMAIN_OF)


def _store(row: Row, document: Any, text: str, value: bytes, frame: Frame) -> None:
    row.pop("personal_", None)
    row["payload"] = text
    # Of a field that is named twice the document holds only the last value: the text may hold more.
    if mask(document, frame.policy.pii_key) or hides_personal_values(text):
        row["payload"] = documents.dumps(document)
        row["precedence"] = precedence(value)
        row.update((name, document[name]) for name in PERSONAL_NAMES if name in row)
    row.update((name, documents.dumps(document[name])) for name in OBJECT_FIELDS if name in row)

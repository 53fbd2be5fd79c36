"""What may be seen of a dead letter.

Source and dead-letter topics hold the producer's bytes. Everywhere else (API, command line, tables, logs) a
dead letter is its masked parsed fields, its length and its hash: `shown` and `letter_row` are the only ways
out, and neither gives away a key, a value or a header of the producer's.
"""

from typing import Any, Final

import orjson

from openride_stream.clock import utc_from_ms
from openride_stream.events import documents
from openride_stream.events.letters import Letter
from openride_stream.events.masking import masked_text

_MAX_UINT64: Final = 2**64 - 1
_MAX_EVENT_TYPE: Final = 100
# A table is for analysis: what is longer is in the dead-letter topic, and `openride dlq show` shows it.
_MAX_ROW_FIELDS: Final = 65_536


def masked_fields(letter: Letter, key: bytes, max_bytes: int) -> str | None:
    """The record's parsed fields as compact JSON without personal values.

    None when it is no JSON object, or longer than `max_bytes`: such a record was refused unread.
    """
    if not letter.value or len(letter.value) > max_bytes:
        return None
    return masked_text(letter.value, key)


def event_type_of(fields: str | None) -> str:
    """The event_type in masked fields, "" when there is none that is a short string."""
    if fields is None:
        return ""
    event_type = documents.loads(fields).get("event_type")
    usable = isinstance(event_type, str) and len(event_type) <= _MAX_EVENT_TYPE
    return event_type if usable else ""


def shown(letter: Letter, key: bytes, max_bytes: int) -> dict[str, Any]:
    """What may be seen of a dead letter, for `orjson.dumps`; times are ISO 8601 in UTC.

    `fields` is an `orjson.Fragment` of the masked record, since numbers stay as they were sent; None when the
    record cannot be parsed.
    """
    fields = masked_fields(letter, key, max_bytes)
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "dead_lettered_at": iso_utc(letter.timestamp_ms),
        "first_seen": iso_utc(letter.first_seen_ms),
        "first_topic": letter.first.topic,
        "first_partition": letter.first.partition,
        "first_offset": letter.first.offset,
        "first_timestamp": iso_utc(letter.first.timestamp),
        "error": letter.error,
        "message": letter.message,
        "attempts": letter.attempts,
        "worker": letter.worker,
        "event_type": event_type_of(fields),
        "value_bytes": letter.size_bytes,
        "value_sha256": letter.sha256(),
        "fields": None if fields is None else orjson.Fragment(fields),
    }


def letter_key(letter: Letter) -> dict[str, Any]:
    """The columns that name one failure of one record; the same whenever it is published again."""
    return {
        "topic": letter.topic,
        "partition": min(letter.first.partition, _MAX_UINT64),
        "offset": min(letter.first.offset, _MAX_UINT64),
        "timestamp_ms": min(max(letter.first.timestamp, 0), _MAX_UINT64),
        "attempts": letter.attempts,
        "value_sha256": letter.sha256(),
    }


def letter_row(letter: Letter, key: bytes, max_bytes: int) -> dict[str, Any]:
    """The row of the table `dead_letters`; times are milliseconds since the epoch."""
    fields = masked_fields(letter, key, max_bytes)
    kept = fields if fields is not None and len(fields) <= _MAX_ROW_FIELDS else ""
    return {
        **letter_key(letter),
        "dlq_partition": letter.partition,
        "dlq_offset": letter.offset,
        "dead_lettered_at": letter.timestamp_ms,
        "first_seen": letter.first_seen_ms,
        "error": letter.error,
        "message": letter.message,
        "worker": letter.worker,
        "event_type": event_type_of(fields),
        "value_bytes": letter.size_bytes,
        "fields": kept,
    }


def iso_utc(ms: int) -> str | None:
    """ISO 8601 in UTC; None for a time that no calendar holds, as a producer may stamp on its records."""
    try:
        return utc_from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None

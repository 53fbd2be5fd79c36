"""A JSON Lines file of exactly what is sent: for references, and to be replayed as it is.

One object a line: `topic`, `key` (text or null), `value` (text, or null for a tombstone) or, where the
bytes are not UTF-8, `value_base64`, `timestamp` (ms since the epoch, null when nothing was sent), `bad`
(class of the error, or null), `duplicate_of` (event_id, or null).
"""

import base64
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from openride_stream.replay.parcels import Parcel


class RecordLog:
    """Writes parcels to `path`; without a path it writes nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("wb") if path else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def write(self, parcels: Iterable[Parcel], timestamp_ms: int | None) -> None:
        """Append parcels that carry this record timestamp."""
        if self._file:
            self._file.writelines(line_of(parcel, timestamp_ms) for parcel in parcels)
            # A slow replay can be watched, and a killed one has told what it sent.
            self._file.flush()


def line_of(parcel: Parcel, timestamp_ms: int | None) -> bytes:
    """The line of one parcel, with its line feed."""
    envelope: dict[str, Any] = {
        "topic": parcel.topic,
        "key": parcel.key.decode() if parcel.key is not None else None,
        **_value_field(parcel.value),
        "timestamp": timestamp_ms,
        "bad": parcel.bad,
        "duplicate_of": parcel.duplicate_of,
    }
    return orjson.dumps(envelope, option=orjson.OPT_APPEND_NEWLINE)


def _value_field(value: bytes | None) -> dict[str, str | None]:
    if value is None:
        return {"value": None}
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode()}


def value_in(envelope: dict[str, Any]) -> bytes | None:
    """The record's value of a line read back.

    Raises:
        ValueError: the line is not one of such a file.
    """
    if "value_base64" in envelope:
        return base64.b64decode(envelope["value_base64"], validate=True)
    value = envelope.get("value")
    if value is not None and not isinstance(value, str):
        message = "value is not text"
        raise ValueError(message)
    return None if value is None else value.encode()

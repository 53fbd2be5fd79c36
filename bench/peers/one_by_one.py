"""One record at a time to a row of the application's tables: what the peers that know no batches do.

The rules are the application's own (fields, times, masking), so that every peer stores the same rows. Only
the way differs: a call into pydantic for each record.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_type_hints

import orjson
from pydantic import BaseModel, ConfigDict, create_model

from openride_stream.clock import SystemClock
from openride_stream.events.completion import complete, defaults_of
from openride_stream.events.examination import store_proven
from openride_stream.events.frame import Frame
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.registry import EVENT_SHAPES, VALIDATORS, Row
from openride_stream.events.topics import BY_NAME
from openride_stream.settings import Settings

Validate = Callable[[str, bytes], Row]


@dataclass(frozen=True, slots=True)
class Read:
    """A record as a client handed it over; `timestamp` is Kafka's, in milliseconds."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class OneByOne:
    """Makes rows; `validate` is one of the two ways below."""

    def __init__(self, settings: Settings, validate: Validate) -> None:
        self._policy = DecodePolicy.from_settings(settings, "bench")
        self._clock = SystemClock()
        self._validate = validate

    def row(self, topic: str, partition: int, record: Read) -> tuple[str, Row]:
        """The table and the row of one event; raises what pydantic raises, or `Rejection`."""
        source = BY_NAME[topic]
        now_ms = self._clock.now_ms()
        frame = Frame(source, partition, self._policy, self._policy.floor_ms(source.table, now_ms), now_ms)
        row = self._validate(source.domain, record.value)
        row = {**defaults_of(row, source), **row}
        complete(row, record, record.value, frame)
        if "personal_" in row:
            store_proven(row, record.value, frame)
        else:
            row["payload"] = record.value.decode()
        return source.table, row


def typed_dict(domain: str, value: bytes) -> Row:
    """A record validated as the application does: a TypedDict, straight from the bytes."""
    (row,) = VALIDATORS[domain].validate_json(b"[" + value + b"]")  # type: ignore[index]
    return row


def model(domain: str, value: bytes) -> Row:
    """A record validated as services usually do: parsed, then a model of its type, then a dict again."""
    del domain
    document = orjson.loads(value)
    return MODELS[document["event_type"]].model_validate(document).model_dump(exclude_none=True)


def _model(name: str, declared: type) -> type[BaseModel]:
    hints = get_type_hints(declared, include_extras=True)
    fields: dict[str, Any] = {"event_type": (Literal[name], ...)}
    optional = declared.__optional_keys__  # type: ignore[attr-defined]
    for field, hint in hints.items():
        if field != "event_type":
            inner = hint.__args__[0] if field in optional else hint
            fields[field] = (inner, None) if field in optional else (inner, ...)
    return create_model(name.title().replace(".", ""), __config__=ConfigDict(extra="ignore"), **fields)


MODELS: Final[Mapping[str, type[BaseModel]]] = {
    name: _model(name, shape.typed_dict) for name, shape in EVENT_SHAPES.items()
}
"""A pydantic model of each of the twenty types."""

"""JSON Schema 2020-12 of what producers send, one schema an event type.

A schema says what can be said of a single event. Not in it, because it depends on the record or the clock:
the topic, the length, how far event_timestamp may lie ahead or back (see docs/producers.md).
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.field_docs import FIELD_DOCS
from openride_stream.events.registry import EVENT_SHAPES, EXECUTION, TOPIC_OF, UPDATE, Shape
from openride_stream.events.types_common import PERSONAL_NAMES

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each of the twenty event types and of `schedule.execution`, by name."""
    events = {name: _event_schema(name, shape) for name, shape in EVENT_SHAPES.items()}
    return {**events, EXECUTION_NAME: execution_schema()}


def update_schema() -> dict[str, Any]:
    """The schema of the fields of a partial update of an execution, which is named elsewhere."""
    generated = TypeAdapter(UPDATE.typed_dict).json_schema(mode="validation")
    names = [name for name in UPDATE.fields if name != "analytics_id"]
    return {
        "type": "object",
        "description": _summary(UPDATE),
        "properties": {name: _property(name, generated["properties"][name]) for name in names},
        "additionalProperties": True,
    }


def _event_schema(name: str, shape: Shape) -> dict[str, Any]:
    topic = TOPIC_OF[name].name
    return _schema(name, shape, f"{_summary(shape)} Topic: {topic}.", "event_timestamp")


def execution_schema() -> dict[str, Any]:
    """The schema of `schedule.execution`."""
    description = f"{_summary(EXECUTION)} Topic: openride.schedules.mongo, .clickhouse or .redis, by tier."
    return _schema(EXECUTION_NAME, EXECUTION, description, "schedule_id")


def _summary(shape: Shape) -> str:
    return " ".join((shape.typed_dict.__doc__ or "").split())


def _schema(name: str, shape: Shape, description: str, first: str) -> dict[str, Any]:
    generated = TypeAdapter(shape.typed_dict).json_schema(mode="validation")
    names = sorted(shape.fields, key=lambda field: (field != "event_type", field != first))
    required = set(generated["required"])
    return {
        "$schema": DIALECT,
        "$id": f"urn:openride:event:{name}",
        "title": name,
        "description": description,
        "type": "object",
        "properties": {field: _property(field, generated["properties"][field]) for field in names},
        "required": [field for field in names if field in required],
        "additionalProperties": True,
        "examples": [example(name)],
    }


def _property(field: str, generated: Mapping[str, Any]) -> dict[str, Any]:
    """A field's schema, with our sentence for it in place of pydantic's title."""
    kept = {key: value for key, value in generated.items() if key != "title"}
    personal = {"x-personal": True} if field in PERSONAL_NAMES else {}
    return {"description": FIELD_DOCS[field], **kept, **personal}

"""Which fields of an event are text by the contract, for sources whose cells carry no types."""

from functools import cache
from typing import Any, Final

from openride_stream.events.json_schema import schemas

SCHEDULE: Final = "schedule"


@cache
def text_fields(event_type: str | None, schedule_type: str | None) -> frozenset[str]:
    """Fields that can only hold text in events of this type; none for an unknown type."""
    by_type = schemas()
    name = next((n for n in by_type if n.startswith(SCHEDULE)), "") if schedule_type else event_type
    schema = by_type.get(name or "", {})
    return frozenset(
        field
        for field, shape in schema.get("properties", {}).items()
        if _types(shape, schema) <= {"string", "null"}
    )


def _types(shape: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """JSON types that a property allows; `any` stands for no limit."""
    if "$ref" in shape:
        return _types(schema["$defs"][shape["$ref"].rsplit("/", 1)[-1]], schema)
    choices = shape.get("anyOf") or shape.get("oneOf")
    if choices:
        return set().union(*(_types(choice, schema) for choice in choices))
    if "enum" in shape or "const" in shape:
        values = shape.get("enum", [shape.get("const")])
        return {"string" if isinstance(value, str) else "any" for value in values}
    allowed = shape.get("type", "any")
    return {allowed} if isinstance(allowed, str) else set(allowed)

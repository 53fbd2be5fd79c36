"""The clients against the API's own document: every endpoint, parameter, choice, default and field."""

import inspect
import re
import types
import typing
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest

from openride_stream.client import AsyncOpenRide, OpenRide
from openride_stream.client.call import Call, Nothing
from openride_stream.client.calls import analytics, exports, live, metrics, operations, reports, schedules
from web.endpoint import Endpoint
from web.openapi import openapi
from web.registry import all_endpoints

DOCUMENT = openapi(all_endpoints())
SCHEMAS = DOCUMENT["components"]["schemas"]
STREAM = "text/event-stream"

Declared = Callable[..., Call[Any]]
CALLS: dict[str, Declared] = {
    name: found
    for module in (metrics, live, analytics, operations, exports, reports, schedules)
    for name, found in vars(module).items()
    if hasattr(found, "__wrapped__")
}
DESKS = ("/v1/exports/", "/v1/reports/")
# What a browser shows, and what is pushed over a WebSocket, is nothing for a script. What is sent to the
# scheduler's endpoints has tests of its own.
ANSWERING: dict[tuple[str, str], Endpoint] = {
    (endpoint.method, endpoint.path): endpoint
    for endpoint in all_endpoints()
    if (endpoint.response is not None or endpoint.content_type == STREAM or endpoint.path.startswith(DESKS))
    and (endpoint.method == "GET" or not endpoint.path.startswith("/v1/schedule-analytics"))
}
SAVED = {"save_export", "save_quick_csv", "save_metrics_excel", "save_report"}


def needed(declared: Declared) -> dict[str, Any]:
    """The keywords that it cannot do without, each with a value."""
    parameters = inspect.signature(declared).parameters.values()
    return {found.name: "error" for found in parameters if found.default is found.empty}


def called(declared: Declared) -> Call[Any]:
    """A call with no keywords but those."""
    return declared(**needed(declared))


def operation(call: Call[Any]) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][call.path][call.method.lower()]
    return found


def test_every_endpoint_for_programs_has_one_method() -> None:
    asked = sorted((call.method, call.path) for call in map(called, CALLS.values()))
    assert asked == sorted(ANSWERING)


def test_a_question_about_figures_is_named_after_its_path() -> None:
    for name, declared in CALLS.items():
        template = called(declared).path
        if template.startswith(DESKS):
            continue
        path = re.sub(r"/\{\w+\}", "", template).replace("/schedule-analytics/", "/schedules/")
        path = path.removeprefix("/v1/metrics/").removeprefix("/v1/analytics/")
        plain = path.removeprefix("/v1").strip("/").replace("-", "_").replace("/", "_")
        assert name == ("stream_realtime" if plain == "realtime_sse" else plain)


@pytest.mark.parametrize("client", [OpenRide, AsyncOpenRide])
def test_both_clients_have_all_of_them_with_their_keywords_and_words(client: type) -> None:
    own = {name for name, found in vars(client).items() if not name.startswith("_") and name in CALLS}
    assert own == set(CALLS)
    for name, declared in CALLS.items():
        method = getattr(client(), name)
        wanted = inspect.signature(declared).parameters
        found = dict(inspect.signature(method).parameters)
        if name in SAVED:
            assert found.pop("to").kind is inspect.Parameter.POSITIONAL_ONLY
        assert found == wanted
        assert method.__doc__ == declared.__doc__


@pytest.mark.parametrize("name", CALLS)
def test_keywords_are_the_parameters_with_their_types_choices_and_defaults(name: str) -> None:
    declared = CALLS[name]
    found = operation(called(declared))
    documented = {each["name"]: (each["schema"], each["required"]) for each in found["parameters"]}
    documented |= body_fields(found)
    signature = inspect.signature(declared)
    hints = get_type_hints(declared.__wrapped__)  # type: ignore[attr-defined]
    assert list(signature.parameters) == list(documented)
    for keyword, parameter in signature.parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        schema, required = documented[keyword]
        assert required == (parameter.default is inspect.Parameter.empty), keyword
        if not required:
            assert parameter.default == schema.get("default"), keyword
        assert takes(hints[keyword]) == wanted(schema), keyword


def body_fields(found: dict[str, Any]) -> dict[str, tuple[dict[str, Any], bool]]:
    """The fields of the JSON body of an operation, each with whether it is required."""
    if "requestBody" not in found:
        return {}
    reference = found["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = SCHEMAS[reference.rpartition("/")[2]]
    return {
        name: (without_null(each), name in schema.get("required", ()))
        for name, each in schema["properties"].items()
    }


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    return {**schema, **choices[0]} if choices else schema


def wanted(schema: dict[str, Any]) -> set[object]:
    if "enum" in schema:
        return set(schema["enum"])
    if schema.get("format") == "date-time":
        return {str, date, datetime}
    if schema.get("format") == "uuid":
        return {str, UUID}
    if "$ref" in schema or schema["type"] == "object":
        return {dict}
    if schema["type"] == "array":
        return {list}
    return {{"string": str, "integer": int, "number": float, "boolean": bool}[schema["type"]]}


def takes(hint: object) -> set[object]:
    """What a keyword takes besides None: types, or the choices of a Literal."""
    if get_origin(hint) in (typing.Union, types.UnionType):
        return set().union(*(takes(choice) for choice in get_args(hint) if choice is not type(None)))
    if get_origin(hint) in (dict, list):
        return {get_origin(hint)}
    return set(get_args(hint)) if get_origin(hint) is Literal else {hint}


@pytest.mark.parametrize("name", [name for name in CALLS if called(CALLS[name]).answer is not Nothing])
def test_the_answer_has_the_documented_fields(name: str) -> None:
    call = called(CALLS[name])
    responses = operation(call)["responses"]
    success = str(ANSWERING[call.method, call.path].status)
    if ANSWERING[call.method, call.path].content_type == STREAM:
        assert list(responses["200"]["content"]) == [STREAM]
        reference = "#/components/schemas/Realtime"
    else:
        reference = responses[success]["content"]["application/json"]["schema"]["$ref"]
    template = "#/components/schemas/{model}"
    schema = call.answer.model_json_schema(mode="serialization", ref_template=template)
    for model, found in (schema.pop("$defs", {}) | {reference.rpartition("/")[2]: schema}).items():
        assert found == SCHEMAS[model], model
    bodies = {
        int(status)
        for status, found in responses.items()
        if status not in (success, "101", "304", "404") and "application/json" in found.get("content", {})
    }
    assert call.others == bodies

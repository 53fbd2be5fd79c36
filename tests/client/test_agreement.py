"""The clients against the API's own document: every endpoint, parameter, choice, default and field."""

import inspect
import re
import types
import typing
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from openride_stream.client import AsyncOpenRide, OpenRide
from openride_stream.client.call import Call
from openride_stream.client.calls import analytics, live, metrics, operations, schedules
from web.endpoint import Endpoint
from web.openapi import openapi
from web.registry import all_endpoints

DOCUMENT = openapi(all_endpoints())
SCHEMAS = DOCUMENT["components"]["schemas"]
STREAM = "text/event-stream"

Declared = Callable[..., Call[Any]]
CALLS: dict[str, Declared] = {
    name: found
    for module in (metrics, live, analytics, operations, schedules)
    for name, found in vars(module).items()
    if hasattr(found, "__wrapped__")
}
ANSWERING: dict[str, Endpoint] = {
    endpoint.path: endpoint
    for endpoint in all_endpoints()
    if endpoint.method == "GET" and (endpoint.response is not None or endpoint.content_type == STREAM)
}


def needed(declared: Declared) -> dict[str, Any]:
    """The keywords that it cannot do without, each with a value."""
    parameters = inspect.signature(declared).parameters.values()
    return {found.name: "error" for found in parameters if found.default is found.empty}


def called(declared: Declared) -> Call[Any]:
    """A call with no keywords but those."""
    return declared(**needed(declared))


def operation(call: Call[Any]) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][call.path]["get"]
    return found


def test_every_get_that_answers_in_json_has_one_method_named_after_its_path() -> None:
    assert sorted(called(declared).path for declared in CALLS.values()) == sorted(ANSWERING)
    for name, declared in CALLS.items():
        path = re.sub(r"/\{\w+\}", "", called(declared).path).replace("/schedule-analytics/", "/schedules/")
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
        assert inspect.signature(method).parameters == wanted
        assert method.__doc__ == declared.__doc__


@pytest.mark.parametrize("name", CALLS)
def test_keywords_are_the_parameters_with_their_types_choices_and_defaults(name: str) -> None:
    declared = CALLS[name]
    documented = {found["name"]: found for found in operation(called(declared))["parameters"]}
    signature = inspect.signature(declared)
    hints = get_type_hints(declared.__wrapped__)  # type: ignore[attr-defined]
    assert list(signature.parameters) == list(documented)
    for keyword, parameter in signature.parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        schema = documented[keyword]["schema"]
        if documented[keyword]["required"]:
            assert parameter.default is parameter.empty, keyword
        else:
            assert parameter.default == schema.get("default"), keyword
        assert takes(hints[keyword]) == wanted(schema), keyword


def wanted(schema: dict[str, Any]) -> set[object]:
    if "enum" in schema:
        return set(schema["enum"])
    if schema.get("format") == "date-time":
        return {str, date, datetime}
    return {{"string": str, "integer": int, "number": float, "boolean": bool}[schema["type"]]}


def takes(hint: object) -> set[object]:
    """What a keyword takes besides None: types, or the choices of a Literal."""
    if get_origin(hint) in (typing.Union, types.UnionType):
        return set().union(*(takes(choice) for choice in get_args(hint) if choice is not type(None)))
    return set(get_args(hint)) if get_origin(hint) is Literal else {hint}


@pytest.mark.parametrize("name", CALLS)
def test_the_answer_has_the_documented_fields(name: str) -> None:
    call = called(CALLS[name])
    responses = operation(call)["responses"]
    if ANSWERING[call.path].content_type == STREAM:
        assert list(responses["200"]["content"]) == [STREAM]
        reference = "#/components/schemas/Realtime"
    else:
        reference = responses["200"]["content"]["application/json"]["schema"]["$ref"]
    template = "#/components/schemas/{model}"
    schema = call.answer.model_json_schema(mode="serialization", ref_template=template)
    for model, found in (schema.pop("$defs", {}) | {reference.rpartition("/")[2]: schema}).items():
        assert found == SCHEMAS[model], model
    bodies = {
        int(status)
        for status, found in responses.items()
        if status not in ("200", "101", "304") and "application/json" in found.get("content", {})
    }
    assert call.others == bodies

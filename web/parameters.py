"""From the parameters of a request to its model, or to a problem that names each wrong one."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar

import orjson
from multidict import MultiMapping
from pydantic import BaseModel, ValidationError

from web.problems import Fault, invalid_parameters

Model = TypeVar("Model", bound=BaseModel)

# Errors of values that can be read but not accepted; every other one means that they cannot be read.
_UNACCEPTABLE: Final = frozenset(
    {
        "out_of_range",
        "literal_error",
        "enum",
        "string_too_short",
        "string_too_long",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
    }
)
# The numbers of JSON. The validator reads others as well: with white space, underscores, signs of any script.
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBERS: Final = {
    "integer": (_WHOLE, "should be a whole number in plain digits"),
    "number": (_NUMBER, "should be a number in plain digits"),
}


def parse(model: type[Model], query: MultiMapping[str], path: Mapping[str, str]) -> Model:
    """The request model from query and path parameters.

    Raises:
        Problem: 400 when a parameter is unknown, repeated, missing or malformed; 422 when all can be read
            and one has an unacceptable value. Every faulty parameter is named.
    """
    repeated = sorted({name for name in query if len(query.getall(name)) > 1})
    clashing = sorted(name for name in path if name in query)
    faults = [Fault(name, "may be given once only") for name in repeated]
    faults += [Fault(name, "is part of the path, not of the query") for name in clashing]
    given = {**query, **path}
    faults += [
        Fault(name, what)
        for name, (pattern, what) in _numbers_of(model).items()
        if name in given and not pattern.fullmatch(given[name])
    ]
    if faults:
        raise invalid_parameters(400, faults)
    return _valid(model, given)


@cache
def _numbers_of(model: type[BaseModel]) -> Mapping[str, tuple[re.Pattern[str], str]]:
    """How the parameters are to be written that are numbers, by name, and what is said when they are not."""
    found = {}
    for name, declared in model.model_json_schema().get("properties", {}).items():
        kinds = {choice.get("type") for choice in declared.get("anyOf", [declared])} - {"null"}
        if len(kinds) == 1 and (kind := kinds.pop()) in _NUMBERS:
            found[name] = _NUMBERS[kind]
    return found


def parse_body(model: type[Model], body: bytes) -> Model:
    """The model of a JSON body.

    Raises:
        Problem: 400 when it is no JSON object, or a field is unknown, missing or ill-typed; 422 when all can
            be read and one has an unacceptable value. Every faulty field is named.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise invalid_parameters(400, [Fault("body", "must be a JSON object")])
    return _valid(model, given)


def _valid(model: type[Model], given: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        unreadable = any(fault["type"] not in _UNACCEPTABLE for fault in errors)
        raise invalid_parameters(
            400 if unreadable else 422, [_fault(fault, model) for fault in errors]
        ) from None


def _fault(error: Any, model: type[BaseModel]) -> Fault:
    place = error["loc"] or ("request",)
    name = str(place[0])
    if error["type"] == "extra_forbidden" and len(place) == 1:
        known = ", ".join(model.model_fields) or "none"
        return Fault(name[:100], f"is not a parameter of this endpoint (known: {known})")
    # What is wrong within an object is told by the name that it has there.
    within = "".join(f"{part[:100]}: " for part in place[1:] if isinstance(part, str))
    return Fault(name, within + _in_words(error))


def _in_words(error: Any) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "is not one of its fields"
        case "missing":
            return "is required"
        case "too_short":
            return f"should have at least {error['ctx']['min_length']} of them"
    return str(error["msg"]).removeprefix("Input ").removeprefix("String ")

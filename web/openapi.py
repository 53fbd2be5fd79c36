"""The OpenAPI 3.1 document of the endpoints, made from their declarations."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from openride_stream import __version__
from openride_stream.api.notes import HEADER, MEANINGS, Note
from web.endpoint import JSON, REVALIDATED, Body, Endpoint
from web.problems import CONTENT_TYPE

Document = dict[str, Any]

_REF: Final = "#/components/schemas/{model}"
_TAGS: Final = {
    "Metrics": "Figures of a range, and what is so now.",
    "Realtime": "What is so now by driver, city and minute.",
    "Analytics": "Figures over time, by place, of who came and who stayed.",
    "Schedules": "Executions of the three-tier scheduler: one by one, and what they come to.",
    "Exports": "Rows and figures as files.",
    "Reports": "Figures that come by mail, regularly.",
    "Operations": "Health, workers, dead letters, Prometheus.",
    "Pages": "For people: what you see here, and what it is made from.",
}
_TOKEN: Final = (
    "A token that `openride token new` made, or a JSON Web Token of the issuer that the settings name. "
    "On the machine of a worker without tokens, none."
)
_FAILURES: Final = {
    400: "A parameter is unknown, repeated, missing, or cannot be read.",
    401: "No token, or one that is not known.",
    403: "The token's role is too low; without tokens, a page of another origin asks.",
    421: "No tokens are configured and the request names this machine as somebody else would.",
    413: "The body is too large.",
    422: "A value is out of range or not one of the choices, or the question is too large for the store.",
    429: "The token was used too often; ask again after `Retry-After` seconds.",
    500: "Our fault; the worker's log has the reason.",
    503: "A store is away, the question took too long, or the worker is starting; ask again after "
    "`Retry-After` seconds.",
}
_PROBLEM: Final[Document] = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "`about:blank` where the status says it all."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "errors": {
            "type": "array",
            "description": "Every faulty parameter.",
            "items": {
                "type": "object",
                "required": ["parameter", "detail"],
                "properties": {"parameter": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_NOTES: Final[Document] = {
    "description": "What a reader would misunderstand without a word; absent where there is nothing to say. "
    + " ".join(f"`{kind}`: {meaning}" for kind, meaning in MEANINGS.items()),
    "content": {"application/json": {"schema": {"type": "array", "items": Note.model_json_schema()}}},
}


def openapi(endpoints: Iterable[Endpoint]) -> Document:
    """The document; `paths` holds every endpoint under its path and method, but for the pages' files."""
    declared = [endpoint for endpoint in endpoints if not is_file(endpoint)]
    paths: dict[str, Document] = {}
    for endpoint in declared:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OpenRide Stream",
            "version": __version__,
            "description": "Exact figures of a ride-hailing platform. Times are RFC 3339 UTC, money is "
            "decimal strings, failures are problem documents.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM, **_schemas(declared)},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": _TOKEN}},
        },
    }


def is_file(endpoint: Endpoint) -> bool:
    """Whether it sends a file of a page: nothing that a program would call."""
    return endpoint.path.startswith("/static/")


def _tag(endpoint: Endpoint) -> str:
    parts = endpoint.path.split("/")
    if parts[1:3] == ["v1", "schedule-analytics"]:
        return "Schedules"
    if parts[1] == "v1" and parts[2].capitalize() in _TAGS:
        return parts[2].capitalize()
    return (
        "Pages" if endpoint.content_type == "text/html" or endpoint.path == "/openapi.json" else "Operations"
    )


def parameters_of(endpoint: Endpoint) -> list[Document]:
    """The endpoint's parameters as OpenAPI's Parameter Objects, in the order of its request model."""
    schema = endpoint.request.model_json_schema()
    required = schema.get("required", ())
    found = []
    for name, described in schema.get("properties", {}).items():
        in_path = f"{{{name}}}" in endpoint.path
        found.append(
            {
                "name": name,
                "in": "path" if in_path else "query",
                "required": in_path or name in required,
                "description": described["description"],
                "schema": _given(described),
            }
        )
    return found


def failures_of(endpoint: Endpoint) -> Mapping[int, str]:
    """The statuses of problem documents that the endpoint can answer with, and when."""
    possible = {400, 500}
    if endpoint.request.model_fields or endpoint.body is not None:
        possible.add(422)
    if endpoint.body is not None:
        possible.add(413)
    if endpoint.role is not None:
        possible |= {401, 403, 421, 429, 503}
    usual = {status: text for status, text in _FAILURES.items() if status in possible - set(endpoint.others)}
    return dict(sorted({**usual, **endpoint.refusals}.items()))


def _given(described: Mapping[str, Any]) -> Document:
    """The schema of a value that is given: a parameter that may be left out is never null."""
    kept = {key: value for key, value in described.items() if key not in {"title", "description"}}
    if kept.get("default", 0) is None:
        del kept["default"]
    if "anyOf" in kept:
        choices = [choice for choice in kept.pop("anyOf") if choice != {"type": "null"}]
        kept |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    return kept


def _operation(endpoint: Endpoint) -> Document:
    answer: Document = {}
    if endpoint.response is not None:
        answer["schema"] = {"$ref": _REF.format(model=endpoint.response.__name__)}
        answer["example"] = endpoint.example
    content = {endpoint.content_type.partition(";")[0]: answer}
    success: Document = {"description": endpoint.summary}
    if endpoint.status != HTTPStatus.NO_CONTENT:
        success["content"] = content
    responses: Document = {str(endpoint.status): success}
    if endpoint.response is not None and endpoint.others is REVALIDATED:
        success["headers"] = {HEADER: _NOTES}
    for status, text in endpoint.others.items():
        has_body = status >= 400 and endpoint.response is not None
        responses[str(status)] = {"description": text, **({"content": content} if has_body else {})}
    problem = {CONTENT_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}}
    for status, text in failures_of(endpoint).items():
        responses[str(status)] = {"description": text, "content": problem}
    operation = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [_tag(endpoint)],
        "parameters": parameters_of(endpoint),
        "responses": responses,
        # In OpenAPI 3.1 the list may name the roles that are needed.
        "security": [] if endpoint.role is None else [{"bearer": [endpoint.role]}],
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: _body(endpoint.body)}}
    return operation


def _body(body: Body | type[BaseModel]) -> Document:
    if isinstance(body, Body):
        return {"schema": body.schema, "example": body.example}
    return {"schema": {"$ref": _REF.format(model=body.__name__)}}


def _operation_id(endpoint: Endpoint) -> str:
    words = endpoint.path.replace("{", "").replace("}", "").replace(".", "/").replace("-", "/").split("/")
    return "_".join([endpoint.method.lower(), *(word for word in words if word)])


def _schemas(endpoints: Iterable[Endpoint]) -> Document:
    declared = list(endpoints)
    answers = [endpoint.response for endpoint in declared if endpoint.response is not None]
    bodies = [endpoint.body for endpoint in declared if isinstance(endpoint.body, type)]
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "serialization") for model in answers),
        *((model, "validation") for model in bodies),
    ]
    _, schema = models_json_schema(modes, ref_template=_REF)
    found: Document = schema.get("$defs", {})
    return found

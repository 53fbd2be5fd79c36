"""The API described: a valid document that says what the endpoints do, and a page that is current."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from tests.fixtures.web import Site, path_of
from web.endpoint import Endpoint
from web.openapi import is_file, openapi
from web.reference import reference_page
from web.registry import all_endpoints

ROOT = Path(__file__).parents[2]
ENDPOINTS = [endpoint for endpoint in all_endpoints() if not is_file(endpoint)]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi(ENDPOINTS)


def operation(document: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][endpoint.path][endpoint.method.lower()]
    return found


async def test_what_is_served_is_valid_and_names_every_endpoint(bare_site: Site) -> None:
    async with bare_site.client.get("/openapi.json") as response:
        assert response.content_type == "application/json"
        served = await response.json()
    validate(served)
    assert {(path, method.upper()) for path, methods in served["paths"].items() for method in methods} == {
        (endpoint.path, endpoint.method) for endpoint in ENDPOINTS
    }


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation(document, endpoint)["operationId"] for endpoint in ENDPOINTS]
    assert len(set(names)) == len(names)


def test_parameters_are_those_of_the_request_and_never_null(document: dict[str, Any]) -> None:
    for endpoint in ENDPOINTS:
        parameters = operation(document, endpoint)["parameters"]
        assert [found["name"] for found in parameters] == list(endpoint.request.model_fields)
        for found in parameters:
            assert found["description"]
            assert "null" not in str(found["schema"])


def test_who_may_call_is_said(document: dict[str, Any]) -> None:
    for endpoint in ENDPOINTS:
        wanted = [] if endpoint.role is None else [{"bearer": [endpoint.role]}]
        assert operation(document, endpoint)["security"] == wanted


def test_notes_are_described_wherever_there_may_be_some(document: dict[str, Any]) -> None:
    for endpoint in ENDPOINTS:
        headers = operation(document, endpoint)["responses"][str(endpoint.status)].get("headers", {})
        asks = endpoint.response is not None and endpoint.path.startswith(("/v1/metrics/", "/v1/analytics/"))
        assert ("X-Notes" in headers) == (asks and endpoint.path != "/v1/metrics/realtime"), endpoint.path


def test_examples_are_true_to_the_schemas(document: dict[str, Any]) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.response is None:
            continue
        content = operation(document, endpoint)["responses"][str(endpoint.status)]["content"][
            "application/json"
        ]
        schema = {**content["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(content["example"])


def test_every_field_of_an_answer_has_a_meaning(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        if name != "Problem":
            for field, found in schema["properties"].items():
                assert found.get("description"), f"{name}.{field}"


async def test_failures_are_the_documented_ones(bare_site: Site, document: dict[str, Any]) -> None:
    validator = Draft202012Validator(document["components"]["schemas"]["Problem"])
    for endpoint in ENDPOINTS:
        async with bare_site.client.request(
            endpoint.method, path_of(endpoint), params={"nope": "1"}
        ) as response:
            assert str(response.status) in operation(document, endpoint)["responses"]
            validator.validate(await response.json(content_type=None))
        async with bare_site.client.request(endpoint.method, path_of(endpoint)) as response:
            assert str(response.status) in operation(document, endpoint)["responses"]


def test_the_reference_is_current() -> None:
    path = ROOT / "docs" / "http-reference.md"
    assert path.read_text() == reference_page(), "run: python -m web.reference > docs/http-reference.md"

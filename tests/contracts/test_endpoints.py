"""Every endpoint: documented, its example true to its model, its failures all of one shape."""

import re
from typing import Any

import orjson
import pytest

from openride_stream.clock import rfc3339
from openride_stream.events.example import EXECUTION_NAME, example
from tests.clickhouse.storing import NOW_MS, ingest
from tests.fixtures.web import Site
from tests.fixtures.web import path_of as nobodys
from web.endpoint import Body, Endpoint
from web.registry import all_endpoints

ENDPOINTS = all_endpoints()
WITH_MODEL = [endpoint for endpoint in ENDPOINTS if endpoint.response]


def sent(endpoint: Endpoint) -> dict[str, Any]:
    """The body that the endpoint's example of one is."""
    return {"json": dict(endpoint.body.example)} if isinstance(endpoint.body, Body) else {}


EXECUTION = {
    **example(EXECUTION_NAME),
    "scheduled_at": rfc3339(NOW_MS - 200),
    "started_processing_at": rfc3339(NOW_MS - 100),
    "completed_at": rfc3339(NOW_MS),
    "level": "error",
}
GIVEN = {
    "analytics_id": EXECUTION["analytics_id"],
    "schedule_id": EXECUTION["schedule_id"],
    "event_type": EXECUTION["event_type"],
    "level": "error",
    "days_to_keep": "30",
}


def path_of(endpoint: Endpoint) -> str:
    """The path with parameters that name something."""
    if of_desk(endpoint):
        return nobodys(endpoint)
    return endpoint.path.format(**GIVEN) if "{" in endpoint.path else endpoint.path


def of_desk(endpoint: Endpoint) -> bool:
    """Whether its paths have ids of exports or of reports."""
    return endpoint.path.startswith(("/v1/exports/", "/v1/reports/"))


def required(endpoint: Endpoint) -> dict[str, str]:
    """What has to be given beside the path."""
    fields = endpoint.request.model_fields.items()
    asked = (key for key, found in fields if found.is_required() and f"{{{key}}}" not in endpoint.path)
    return {key: GIVEN[key] for key in asked if key in GIVEN}


async def store_an_execution(site: Site) -> None:
    value = orjson.dumps(EXECUTION | {"schedule_type": "redis_immediate"})
    await ingest(site.runtime.store, site.settings, {"openride.schedules.redis": [value]})


def name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def test_no_method_and_path_is_declared_twice() -> None:
    assert len({name(endpoint) for endpoint in ENDPOINTS}) == len(ENDPOINTS)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name)
def test_it_is_documented(endpoint: Endpoint) -> None:
    assert endpoint.summary[0].isupper() or endpoint.summary[0].isdigit()
    assert endpoint.summary.endswith(".")
    assert (endpoint.response is None) == (endpoint.example is None)
    for parameter in endpoint.request.model_fields.values():
        assert parameter.description
    assert endpoint.request.model_config["extra"] == "forbid"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name)
def test_figures_need_a_role_and_probes_do_not(endpoint: Endpoint) -> None:
    if endpoint.path.startswith("/v1/"):
        assert endpoint.role is not None
    if endpoint.path.startswith("/health"):
        assert endpoint.role is None


@pytest.mark.parametrize("endpoint", WITH_MODEL, ids=name)
def test_its_example_is_an_answer(endpoint: Endpoint) -> None:
    assert endpoint.response is not None
    assert endpoint.example is not None
    endpoint.response.model_validate(endpoint.example)
    fields = list(endpoint.response.model_fields)
    assert list(endpoint.example) == [field for field in fields if field in endpoint.example]
    assert set(fields) - set(endpoint.example) <= {"time_series"}


async def test_an_unknown_parameter_is_refused_everywhere(bare_site: Site) -> None:
    for endpoint in ENDPOINTS:
        wanting = {name for name, field in endpoint.request.model_fields.items() if field.is_required()}
        asked = {"params": {"nope": "1"} | required(endpoint)}
        async with bare_site.client.request(endpoint.method, path_of(endpoint), **asked) as response:
            assert (response.status, name(endpoint)) == (400, name(endpoint))
            assert response.content_type == "application/problem+json"
            document = await response.json(content_type=None)
        assert document["type"] == "urn:openride:problem:invalid-parameter"
        assert {fault["parameter"] for fault in document["errors"]} - wanting == {"nope"}


async def test_a_method_that_is_not_declared_is_refused_everywhere(bare_site: Site) -> None:
    for path in {endpoint.path for endpoint in ENDPOINTS}:
        async with bare_site.client.put(re.sub(r"{\w+}", "x", path)) as response:
            assert (response.status, path) == (405, path)
            assert response.content_type == "application/problem+json"


async def test_an_answer_with_a_tag_has_its_304_documented(site: Site) -> None:
    await store_an_execution(site)
    for endpoint in ENDPOINTS:
        if endpoint.push is not None:
            continue
        async with site.client.request(endpoint.method, path_of(endpoint), **sent(endpoint)) as response:
            if response.status == 200:
                assert ("ETag" in response.headers, name(endpoint)) == (
                    304 in endpoint.others,
                    name(endpoint),
                )


async def test_answers_are_what_their_models_say(site: Site) -> None:
    # What needs an id of an export or a report, or a body that is a model, is asked by tests of its own.
    await store_an_execution(site)
    for endpoint in WITH_MODEL:
        if isinstance(endpoint.body, type) or (of_desk(endpoint) and "{" in endpoint.path):
            continue
        with_series = {"granularity": "daily"} if "granularity" in endpoint.request.model_fields else {}
        for parameters in ({}, with_series):
            asked = {"params": parameters | required(endpoint), **sent(endpoint)}
            async with site.client.request(endpoint.method, path_of(endpoint), **asked) as response:
                assert (response.status, name(endpoint)) == (endpoint.status, name(endpoint))
                assert response.content_type == "application/json"
                answer = await response.json()
            assert endpoint.response is not None
            endpoint.response.model_validate(answer)
            fields = list(endpoint.response.model_fields)
            assert list(answer) == fields[: len(answer)]
            assert set(fields) - set(answer) <= {"time_series"}


async def test_every_answer_carries_the_same_guards(bare_site: Site) -> None:
    for endpoint in ENDPOINTS:
        async with bare_site.client.request(endpoint.method, path_of(endpoint)) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "aiohttp" not in response.headers["Server"]
            assert response.headers["Cache-Control"] in ("no-store", "no-cache", "private, no-cache")

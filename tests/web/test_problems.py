"""Every failure is a problem document that names what is wrong and gives nothing else away."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrate import migrate
from openride_stream.errors import MetadataUnavailable
from openride_stream.settings import Settings
from tests.fixtures.store import settings_for
from tests.fixtures.web import Site, StartSite
from web.context import Context
from web.endpoint import Endpoint

BAD_VALUES = [
    ({"start_date": "yesterday"}, 400, "start_date"),
    ({"start_date": "1767225600"}, 400, "start_date"),
    ({"start_date": ""}, 400, "start_date"),
    ({"end_date": "2026-02-30"}, 400, "end_date"),
    ({"end_date": "2026-01-01T25:00:00Z"}, 400, "end_date"),
    ({"end_date": "2026-01-01T00:00:00Z\0"}, 400, "end_date"),
    ({"end_date": "2026-01-01\n00:00:00Z"}, 400, "end_date"),
    ({"end_date": "2026-01-01é00:00:00Z"}, 400, "end_date"),
    ({"end_date": "2026-01-01T00:00:00 01:00"}, 400, "end_date"),
    ({"end_date": "9999-12-31T23:59:59-23:59"}, 400, "end_date"),
    ({"start_date": "1999-12-31"}, 422, "start_date"),
    ({"end_date": "2100-01-02"}, 422, "end_date"),
    ({"start_date": "2026-02-01", "end_date": "2026-02-01"}, 422, "end_date"),
    ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, 422, "end_date"),
    ({"start_date": "2099-01-01"}, 422, "start_date"),
    ({"start_date": "2024-01-01", "end_date": "2026-01-01"}, 422, "start_date"),
    ({"start_date": "2026-01-01", "end_date": "2026-04-01", "granularity": "hourly"}, 422, "granularity"),
    ({"granularity": "yearly"}, 422, "granularity"),
    ({"granularity": ""}, 422, "granularity"),
    ({"currency": "ngn"}, 400, "currency"),
    ({"currency": "NGN\n"}, 400, "currency"),
    ({"currency": "NAIRA"}, 400, "currency"),
    ({"city": ""}, 422, "city"),
    ({"state": ""}, 422, "state"),
    ({"town": "Lagos"}, 400, "town"),
    ({"City": "Lagos"}, 400, "City"),
]


def is_problem(document: dict[str, Any], status: int, path: str) -> bool:
    assert set(document) >= {"type", "title", "status", "detail", "instance"}
    assert "Traceback" not in str(document)
    return document["status"] == status and document["instance"] == path


@pytest.mark.parametrize("name", ["users", "bookings", "payments", "trips"])
async def test_a_bad_value_is_refused_by_its_name(bare_site: Site, name: str) -> None:
    path = f"/v1/metrics/{name}"
    for parameters, status, named in BAD_VALUES:
        async with bare_site.client.get(path, params=parameters) as response:
            document = await response.json(content_type="application/problem+json")
            assert (response.status, parameters) == (status, parameters)
        assert is_problem(document, status, path)
        assert [fault["parameter"] for fault in document["errors"]] == [named]
        assert named in document["detail"]


async def test_all_faulty_parameters_are_named_at_once(bare_site: Site) -> None:
    document = await bare_site.get("/v1/metrics/trips", 400, start_date="x", granularity="y", z="1")
    assert {fault["parameter"] for fault in document["errors"]} == {"start_date", "granularity", "z"}


async def test_a_repeated_parameter_is_refused(bare_site: Site) -> None:
    document = await bare_site.get("/v1/metrics/trips?city=Lagos&city=Kano", 400)
    assert [fault["parameter"] for fault in document["errors"]] == ["city"]


async def test_a_plus_that_was_not_encoded_is_explained(bare_site: Site) -> None:
    document = await bare_site.get("/v1/metrics/trips?start_date=2026-01-01T00:00:00+01:00", 400)
    assert "%2B" in document["detail"]


@pytest.mark.parametrize("path", ["/nothing", "/v1/metrics", "/v1/metrics/users/", "/static/../mount.py"])
async def test_an_unknown_path_is_a_problem_document(bare_site: Site, path: str) -> None:
    document = await bare_site.get(path, 404)
    assert document["type"] == "about:blank"


@pytest.mark.parametrize("path", ["/router/", "/table/", "/graph/", "/stats/", "/performance/"])
async def test_fausts_own_views_are_not_served(bare_site: Site, path: str) -> None:
    await bare_site.get(path, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "SEARCH"])
async def test_another_method_is_refused_with_the_ones_allowed(bare_site: Site, method: str) -> None:
    async with bare_site.client.request(method, "/v1/metrics/users") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD"
        assert is_problem(await response.json(content_type=None), 405, "/v1/metrics/users")


@pytest.fixture
def bare_store(bare_site: Site) -> ClickHouse:
    return bare_site.runtime.store


def failing(path: str, error: Exception) -> Endpoint:
    async def fail(context: Context, query: object) -> dict[str, Any]:
        del context, query
        raise error

    return Endpoint("GET", path, None, "Fails.", fail)


def posted(path: str) -> Endpoint:
    async def accept(context: Context, query: object) -> dict[str, Any]:
        del context, query
        return {}

    return Endpoint("POST", path, None, "Is posted to.", accept)


async def test_what_nobody_foresaw_is_logged_and_says_nothing(
    start_site: StartSite, bare_store: ClickHouse, caplog: pytest.LogCaptureFixture
) -> None:
    site = await start_site(bare_store, [failing("/broken", RuntimeError("a secret"))])
    document = await site.get("/broken", 500)
    assert is_problem(document, 500, "/broken")
    assert "secret" not in str(document)
    assert "a secret" in caplog.text


async def test_a_body_that_is_too_large_is_a_problem_document(
    start_site: StartSite, bare_store: ClickHouse
) -> None:
    too_large = web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2)
    site = await start_site(bare_store, [failing("/large", too_large)])
    assert is_problem(await site.get("/large", 413), 413, "/large")


async def test_fausts_own_errors_are_problem_documents(start_site: StartSite, bare_store: ClickHouse) -> None:
    site = await start_site(bare_store, [posted("/posted")])
    async with site.client.head("/posted") as response:
        assert response.status == 405
        assert response.content_type == "application/problem+json"


async def test_any_store_that_is_away_means_ask_again(start_site: StartSite, bare_store: ClickHouse) -> None:
    site = await start_site(bare_store, [failing("/away", MetadataUnavailable("locked"))])
    async with site.client.get("/away") as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        ({"clickhouse_query_memory_bytes": 1024**2}, 422, "OPENRIDE_CLICKHOUSE_QUERY_MEMORY_BYTES"),
        ({"clickhouse_query_timeout_s": 0.0001}, 503, "OPENRIDE_CLICKHOUSE_QUERY_TIMEOUT_S"),
    ],
)
async def test_a_question_beyond_a_limit_is_told_to_be_smaller(
    start_site: StartSite,
    store: ClickHouse,
    settings: Settings,
    given: dict[str, Any],
    status: int,
    named: str,
) -> None:
    """The store is well: what it says is not that it is away."""
    limited = ClickHouse.open(settings.model_copy(update=given))
    site = await start_site(limited)
    async with site.client.get("/v1/analytics/cohort", params={"start_date": "2026-01-01"}) as response:
        document = await response.json(content_type=None)
        assert (response.status, "Retry-After" in response.headers) == (status, status == 503)
    assert is_problem(document, status, "/v1/analytics/cohort")
    assert document["type"].startswith("urn:openride:problem:question-too-")
    assert named in document["detail"]
    assert "shorter range" in document["detail"]
    assert "away" not in document["detail"]
    await limited.close()


async def test_clickhouse_away_means_ask_again_and_then_it_answers(
    clickhouse_server: Any, start_site: StartSite
) -> None:
    server = clickhouse_server().start()
    settings = settings_for(server.url)
    store = ClickHouse.open(settings)
    await migrate(store, settings)
    site = await start_site(store)
    await site.get("/v1/metrics/trips")
    await asyncio.to_thread(server.kill)
    async with site.client.get("/v1/metrics/trips") as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert is_problem(await response.json(content_type=None), 503, "/v1/metrics/trips")
    assert (await site.get("/health/ready", 503))["reasons"]
    await asyncio.to_thread(server.start)
    await site.get("/v1/metrics/trips")
    site.runtime.clock.advance(2)
    await site.get("/health/ready")
    await store.close()

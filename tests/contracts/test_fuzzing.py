"""The document taken at its word: no request that it allows or forbids is answered otherwise than it says."""

import asyncio
import os
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr
from yarl import URL

from openride_stream.settings import Settings
from tests.contracts.test_endpoints import GIVEN, of_desk
from tests.fixtures.web import Site, fill
from tests.web.test_metrics import RANGE, event
from web.endpoint import Endpoint
from web.openapi import is_file, openapi
from web.registry import all_endpoints
from web.tokens import entry_of, new_token

TOKEN: Final = new_token()
HEADERS: Final = {"Authorization": f"Bearer {TOKEN}"}
# What is pushed goes on for as long as somebody listens.
ENDPOINTS: Final = [each for each in all_endpoints() if not is_file(each) and each.push is None]
# OPENRIDE_FUZZ_EXAMPLES=500 looks longer, each time elsewhere.
LONGER: Final = os.environ.get("OPENRIDE_FUZZ_EXAMPLES", "")
EXAMPLES: Final = int(LONGER or 6)

# Compared in the store with what events say; every other parameter is checked before.
FREE_TEXTS: Final = ("city", "state", "error", "event_type", "schedule_id")
INJECTIONS: Final = (
    "' OR '1'='1",
    "\\'; DROP TABLE trip_events; --",
    "') UNION ALL SELECT name FROM system.tables --",
    "{city:String} {database:Identifier}",
    "a\r\nSet-Cookie: x=1\x00",
    "$(id) `id` <script>\N{RIGHT-TO-LEFT OVERRIDE}*%27",
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    update = {"api_tokens": SecretStr(entry_of("me", "admin", TOKEN).text()), "api_requests_per_minute": 0}
    return settings.model_copy(update=update)


@pytest.fixture
async def site(site: Site) -> Site:
    """A server over a store that holds a little of everything."""
    names = ("user.registered", "booking.created", "booking.confirmed", "payment.success", "trip.completed")
    await fill(site, [event(name) for name in names])
    return site


@pytest.mark.fuzz
@pytest.mark.parametrize("mode", ["positive", "negative"])
async def test_what_the_document_says_is_so(site: Site, mode: str) -> None:
    # Here, since it takes seconds to load, which every run would wait for.
    import schemathesis
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    document = openapi(ENDPOINTS)
    for described in (each for path in document["paths"].values() for each in path.values()):
        # The token is given below: a request without one is the subject of test_roles.
        described["security"] = []
    schema = schemathesis.openapi.from_dict(document)
    base_url = str(site.client.make_url("/")).rstrip("/")
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode == "negative" and not (operation.query or operation.body):
            continue

        @hypothesis_settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=not LONGER,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
        def asked(case: schemathesis.Case) -> None:
            # Two dates that are good each by itself can be in the wrong order: 422 is right then.
            unwanted = [positive_data_acceptance]
            case.call_and_validate(base_url=base_url, headers=HEADERS, excluded_checks=unwanted)

        await asyncio.to_thread(asked)


async def stored(site: Site) -> list[dict[str, Any]]:
    database = site.settings.clickhouse_database
    return await site.runtime.store.select(
        "SELECT database, name, create_table_query, total_rows FROM system.tables "
        "WHERE database IN ({database:String}, 'default') ORDER BY database, name",
        {"database": database},
    )


@pytest.mark.fuzz
async def test_nothing_that_is_injected_changes_or_shows_anything(site: Site) -> None:
    before = await stored(site)
    limit = asyncio.Semaphore(4)

    async def ask(endpoint: Endpoint, names: list[str], value: str) -> tuple[int, dict[str, Any]]:
        known = RANGE if "end_date" in endpoint.request.model_fields else {}
        given = {**GIVEN, **dict.fromkeys(names, value)}
        in_path = {name: quote(given[name], safe="") for name in GIVEN if f"{{{name}}}" in endpoint.path}
        params = {**known, **{name: value for name in names if name not in in_path}}
        url = site.client.make_url("/").join(URL(endpoint.path.format(**in_path), encoded=True))
        async with limit, site.client.session.get(url, params=params, headers=HEADERS) as response:
            assert "Set-Cookie" not in response.headers
            return response.status, await response.json(content_type=None)

    async def try_all(endpoint: Endpoint, names: list[str]) -> None:
        unknown = await ask(endpoint, names, "nowhere at all")
        for value in INJECTIONS:
            status, answer = await ask(endpoint, names, value)
            assert (status, names, value) == (unknown[0], names, value)
            if status == 200:
                told = {**unknown[1], **{name: value for name in names if name in answer}}
                assert answer == told, (endpoint.path, names, value)
            else:
                assert [fault["parameter"] for fault in answer["errors"]] == names
                assert not any(word in str(answer) for word in ("DB::", "Code:", "Traceback"))

    asking = []
    # Queries of exports have a corpus of their own; ids of exports and reports are nothing but ids.
    asked = [each for each in ENDPOINTS if each.method == "GET" and not of_desk(each)]
    for endpoint in asked:
        texts = [name for name in endpoint.request.model_fields if name in FREE_TEXTS]
        others = [[name] for name in endpoint.request.model_fields if name not in FREE_TEXTS]
        asking += [try_all(endpoint, names) for names in (texts, *others) if names]
    assert len(asking) > 40
    await asyncio.gather(*asking)
    assert await stored(site) == before
    assert (await site.client.get("/v1/metrics/trips", params=RANGE, headers=HEADERS)).status == 200

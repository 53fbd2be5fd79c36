"""With tokens configured, every endpoint that has a role asks for one that is high enough."""

import pytest
from aiohttp import ClientResponse
from pydantic import SecretStr

from openride_stream.clock import SystemClock
from openride_stream.settings import Settings
from tests.fixtures.web import Client, Site, path_of
from web.endpoint import Endpoint, Role
from web.registry import all_endpoints
from web.tokens import ROLES, entry_of, new_token

TOKENS: dict[Role, str] = {role: new_token() for role in ROLES}
ENDPOINTS = all_endpoints()
GUARDED = [endpoint for endpoint in ENDPOINTS if endpoint.role]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    entries = ",".join(entry_of(f"some-{role}", role, token).text() for role, token in TOKENS.items())
    return settings.model_copy(update={"api_tokens": SecretStr(entries)})


def name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


async def ask(client: Client, endpoint: Endpoint, authorization: str | None) -> ClientResponse:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = await client.request(endpoint.method, path_of(endpoint), headers=headers)
    if endpoint.push is None or response.status != 200:
        await response.read()
    else:
        response.close()
    return response


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        (None, "a token is needed"),
        ("", "a token is needed"),
        ("Bearer", "a token is needed"),
        ("Bearer ", "a token is needed"),
        ("Basic dXNlcjpwYXNz", "a token is needed"),
        pytest.param(TOKENS["admin"], "a token is needed", id="without Bearer"),
        pytest.param(f"Bearer {new_token()}", "not known", id="nobody's"),
        pytest.param(f"Bearer {TOKENS['admin']}x", "not known", id="with a letter more"),
        ("Bearer some-admin", "not known"),
    ],
)
async def test_none_or_a_wrong_token_is_401_everywhere(
    bare_site: Site, authorization: str | None, said: str
) -> None:
    for endpoint in GUARDED:
        response = await ask(bare_site.client, endpoint, authorization)
        assert (response.status, name(endpoint)) == (401, name(endpoint))
        assert response.content_type == "application/problem+json"
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")
        assert said in (await response.json(content_type=None))["detail"]


async def test_a_token_is_good_under_any_name_of_the_host(bare_site: Site) -> None:
    headers = {"Host": "figures.example.org", "Authorization": f"Bearer {TOKENS['viewer']}"}
    async with bare_site.client.get("/metrics", headers=headers) as response:
        assert response.status == 200


async def test_two_tokens_at_once_are_none(bare_site: Site) -> None:
    twice = [("Authorization", f"Bearer {TOKENS[role]}") for role in ("viewer", "admin")]
    async with bare_site.client.get("/v1/metrics/users", headers=twice) as response:
        assert response.status == 401


async def test_a_role_that_is_too_low_is_403_and_names_the_one_needed(bare_site: Site) -> None:
    for endpoint in GUARDED:
        assert endpoint.role
        for role in ROLES[: ROLES.index(endpoint.role)]:
            response = await ask(bare_site.client, endpoint, f"Bearer {TOKENS[role]}")
            assert (response.status, name(endpoint)) == (403, name(endpoint))
            detail = (await response.json(content_type=None))["detail"]
            assert f"the role {endpoint.role}" in detail
            assert f'scope="{endpoint.role}"' in response.headers["WWW-Authenticate"]


async def test_an_analysts_endpoint_is_closed_to_viewers_and_open_to_admins(
    settings: Settings, bare_site: Site
) -> None:
    from web.auth import Gate
    from web.problems import Problem

    class Asked:
        def __init__(self, role: Role) -> None:
            self.headers = bare_site.client.session.headers.copy()
            self.headers["Authorization"] = f"bearer {TOKENS[role]}"

    gate = Gate(settings, SystemClock())
    for needed in ROLES:
        for role in ROLES:
            caller = await gate.identify(Asked(role))  # type: ignore[arg-type]
            assert caller.name == f"some-{role}"
            if ROLES.index(role) >= ROLES.index(needed):
                await gate.permit(caller, needed)
            else:
                with pytest.raises(Problem, match=f"the role {needed}"):
                    await gate.permit(caller, needed)


async def test_a_role_that_is_high_enough_passes(bare_site: Site) -> None:
    for endpoint in GUARDED:
        assert endpoint.role
        for role in ROLES[ROLES.index(endpoint.role) :]:
            response = await ask(bare_site.client, endpoint, f"Bearer {TOKENS[role]}")
            assert response.status not in (401, 403), name(endpoint)


async def test_probes_and_the_page_ask_for_none(bare_site: Site) -> None:
    open_paths = {endpoint.path for endpoint in ENDPOINTS if endpoint.role is None}
    assert {"/", "/health", "/health/live", "/health/ready"} <= open_paths
    for path in open_paths:
        for headers in ({}, {"Authorization": "Bearer nobody's"}):
            async with bare_site.client.get(path, headers=headers) as response:
                assert response.status not in (401, 403), path

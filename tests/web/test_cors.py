"""Pages of other origins: what a browser is told, and that a page cannot go where none was asked."""

from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from pydantic import SecretStr

from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from tests.fixtures.web import Site, StartSite
from web.auth import check_binding
from web.context import Context
from web.cors import Origins
from web.endpoint import Endpoint
from web.tokens import entry_of, new_token

APP, EVIL = "https://app.example.org", "https://evil.example"
TOKEN = new_token()
WITH_TOKEN = SecretStr(entry_of("me", "viewer", TOKEN).text())
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    update = getattr(
        request, "param", {"web_cors_origins": f"{APP}, http://localhost:3000", "api_tokens": WITH_TOKEN}
    )
    return settings.model_copy(update=update)


async def test_a_named_origin_may_ask_and_read(bare_site: Site) -> None:
    async with bare_site.client.options(
        "/v1/metrics/trips", headers={"Origin": APP, **PREFLIGHT}
    ) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == APP
        assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        assert "Origin" in response.headers["Vary"]
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {TOKEN}"}, 200)):
        async with bare_site.client.get("/metrics", headers={"Origin": APP, **headers}) as response:
            assert response.status == status
            assert response.headers["Access-Control-Allow-Origin"] == APP
            assert "X-Cache" in response.headers["Access-Control-Expose-Headers"]
            assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", [EVIL, "null", f"{APP}.evil.example", "http://app.example.org", ""])
async def test_other_origins_are_told_nothing(bare_site: Site, origin: str) -> None:
    for method in ("OPTIONS", "GET"):
        headers = {"Origin": origin, **PREFLIGHT}
        async with bare_site.client.request(method, "/v1/metrics/trips", headers=headers) as response:
            assert response.status == (405 if method == "OPTIONS" else 401)
            assert not [name for name in response.headers if name.startswith("Access-Control")]
            assert response.headers["Vary"] == "Origin"
    async with bare_site.client.options("/nothing", headers={"Origin": APP, **PREFLIGHT}) as response:
        assert response.status == 404


@pytest.mark.parametrize("settings", [{}], indirect=True)
async def test_by_default_nobody_is_named_and_only_our_own_page_is_answered(bare_site: Site) -> None:
    own = str(bare_site.client.make_url("/")).rstrip("/")
    for origin, status in ((EVIL, 403), ("null", 403), ("http://127.0.0.1:1", 403), (own, 200), (None, 200)):
        headers = {"Origin": origin} if origin else {}
        async with bare_site.client.get("/metrics", headers=headers) as response:
            assert (response.status, origin) == (status, origin)
            assert "Vary" not in response.headers
    path = "/v1/metrics/realtime/ws"
    with pytest.raises(WSServerHandshakeError, match="403"):
        await bare_site.client.ws_connect(path, origin=EVIL)
    async with bare_site.client.ws_connect(path, origin=own) as connection:
        assert "as_of" in await connection.receive_json()


@pytest.mark.parametrize("settings", [{"web_cors_origins": APP}], indirect=True)
async def test_without_tokens_a_named_page_is_answered(start_site: StartSite, bare_site: Site) -> None:
    for origin, status in ((APP, 200), (EVIL, 403)):
        async with bare_site.client.get("/metrics", headers={"Origin": origin}) as response:
            assert (response.status, origin) == (status, origin)


@pytest.mark.parametrize(
    "settings",
    [{"web_cors_origins": APP, "api_tokens": WITH_TOKEN, "api_requests_per_minute": 2}],
    indirect=True,
)
async def test_what_is_refused_fails_or_has_not_changed_may_be_read_as_well(
    start_site: StartSite, bare_site: Site
) -> None:
    async def fail(context: Context, query: object) -> dict[str, Any]:
        del context, query
        raise ZeroDivisionError

    broken = Endpoint("GET", "/broken", None, "Fails.", fail)
    site = await start_site(bare_site.runtime.store, [broken], running=False)
    async with site.client.get("/") as response:
        tag = response.headers["ETag"]
    own = {"Authorization": f"Bearer {TOKEN}"}
    for path, given, status in (
        ("/", {"If-None-Match": tag}, 304),
        ("/broken", {}, 500),
        ("/v1/metrics/trips", own, 503),
        ("/v1/workers", own, 403),
        ("/v1/metrics/trips", own, 429),
        ("/nothing", {}, 404),
    ):
        async with site.client.get(path, headers={"Origin": APP, **given}) as response:
            assert (response.status, path) == (status, path)
            assert response.headers["Access-Control-Allow-Origin"] == APP
            assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
            assert response.headers["Vary"] == "Origin"


def test_a_star_needs_tokens_and_an_origin_has_a_form() -> None:
    usual = Settings(_env_file=None, pii_key="k")
    star = usual.model_copy(update={"web_cors_origins": "*"})
    with pytest.raises(ConfigurationError, match="OPENRIDE_WEB_CORS_ORIGINS"):
        check_binding(star)
    check_binding(star.model_copy(update={"api_tokens": WITH_TOKEN}))
    assert Origins(star).allow("null")
    for wrong in (
        "app.example.org",
        f"{APP}/",
        "https://*.example.org",
        "HTTPS://APP.EXAMPLE.ORG",
        "ftp://a",
    ):
        with pytest.raises(ConfigurationError, match="OPENRIDE_WEB_CORS_ORIGINS"):
            check_binding(usual.model_copy(update={"web_cors_origins": wrong}))

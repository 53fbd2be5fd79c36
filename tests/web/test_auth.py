"""Without tokens nothing but this machine may call; with tokens any address may be bound."""

import pytest
from pydantic import SecretStr

from openride_stream.app import create_app
from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from tables.live import LiveTables
from tests.fixtures.web import Site, StartSite
from web import register
from web.auth import is_loopback, warn_open
from web.registry import all_endpoints
from web.tokens import entry_of, new_token


def settings_on(host: str) -> Settings:
    return Settings(_env_file=None, pii_key="k", web_host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.example.org"])
def test_a_network_address_is_refused_by_the_setting_that_names_it(host: str) -> None:
    app = create_app(settings_on(host))
    with pytest.raises(
        ConfigurationError, match=r"OPENRIDE_WEB_HOST.*OPENRIDE_API_TOKENS.*openride token new"
    ):
        register(app, LiveTables(app.settings))


async def test_an_address_that_fausts_command_line_gives_is_refused_as_well() -> None:
    app = create_app(settings_on("127.0.0.1"))
    register(app, LiveTables(app.settings))
    app.conf.web_bind = "0.0.0.0"
    server = app.web.web_app
    server.freeze()
    with pytest.raises(ConfigurationError, match=r"0\.0\.0\.0"):
        await server.startup()


async def test_a_network_address_is_served_with_tokens() -> None:
    entry = entry_of("grafana", "viewer", new_token()).text()
    app = create_app(settings_on("0.0.0.0").model_copy(update={"api_tokens": SecretStr(entry)}))
    register(app, LiveTables(app.settings))
    assert warn_open not in app.web.web_app.on_startup


def test_tokens_that_cannot_be_read_are_refused_at_start_and_not_repeated() -> None:
    secret = new_token()
    app = create_app(
        settings_on("127.0.0.1").model_copy(update={"api_tokens": SecretStr(f"me:admin:{secret}")})
    )
    with pytest.raises(ConfigurationError, match=r"OPENRIDE_API_TOKENS: entry 1") as caught:
        register(app, LiveTables(app.settings))
    assert secret not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8097", 200),
        ("127.0.0.1", 200),
        ("[::1]:8097", 200),
        ("LOCALHOST", 200),
        ("attacker.example", 421),
        ("attacker.example:8097", 421),
        ("127.0.0.1.attacker.example", 421),
        ("192.168.1.5:8097", 421),
        ("", 421),
    ],
)
async def test_without_tokens_only_a_name_of_this_machine_is_answered(
    bare_site: Site, host: str, status: int
) -> None:
    async with bare_site.client.get("/metrics", headers={"Host": host}) as response:
        assert response.status == status
        if status != 200:
            assert "OPENRIDE_API_TOKENS" in (await response.json(content_type=None))["detail"]
    async with bare_site.client.get("/health/live", headers={"Host": host}) as response:
        assert response.status == 200


async def test_the_open_api_is_said_once_in_the_log(
    start_site: StartSite, bare_site: object, caplog: pytest.LogCaptureFixture
) -> None:
    del bare_site, start_site
    warnings = [record for record in caplog.get_records("setup") if record.name == "web.auth"]
    assert len(warnings) == 1


async def test_registering_serves_the_registry_and_nothing_of_fausts_own() -> None:
    app = create_app(settings_on("127.0.0.1"))
    register(app, LiveTables(app.settings))
    served = {route.resource.canonical for route in (await app.web.wsgi()).router.routes() if route.resource}
    assert served == {endpoint.path for endpoint in all_endpoints()}

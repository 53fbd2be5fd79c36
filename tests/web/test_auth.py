"""Without tokens nothing but this machine may call."""

import pytest

from openride_stream.app import create_app
from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from tests.fixtures.web import StartSite
from web import register
from web.auth import is_loopback
from web.registry import all_endpoints


def settings_on(host: str) -> Settings:
    return Settings(_env_file=None, pii_key="k", web_host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.example.org"])
def test_a_network_address_is_refused_by_the_setting_that_names_it(host: str) -> None:
    app = create_app(settings_on(host))
    with pytest.raises(ConfigurationError, match="OPENRIDE_WEB_HOST"):
        register(app)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    assert is_loopback(host)


async def test_the_open_api_is_said_once_in_the_log(
    start_site: StartSite, bare_site: object, caplog: pytest.LogCaptureFixture
) -> None:
    del bare_site, start_site
    warnings = [record for record in caplog.get_records("setup") if record.name == "web.auth"]
    assert len(warnings) == 1


async def test_registering_serves_the_registry_and_nothing_of_fausts_own() -> None:
    app = create_app(settings_on("127.0.0.1"))
    register(app)
    served = {route.resource.canonical for route in (await app.web.wsgi()).router.routes() if route.resource}
    assert served == {endpoint.path for endpoint in all_endpoints()}

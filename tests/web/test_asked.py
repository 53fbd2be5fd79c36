"""Who asked what is in the log, and nothing that is a secret."""

import logging
from typing import Any

import pytest
from pydantic import SecretStr

from openride_stream.logs import JsonFormatter
from openride_stream.settings import Settings
from tests.fixtures.web import Site
from web.tokens import entry_of, new_token

TOKEN, MAIL_TOKEN = new_token(), new_token()
ENTRIES = ",".join(
    (entry_of("grafana", "viewer", TOKEN).text(), entry_of("amina@example.org", "viewer", MAIL_TOKEN).text())
)


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    update = getattr(request, "param", {}) | {"api_tokens": SecretStr(ENTRIES)}
    return settings.model_copy(update=update)


def lines(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.name == "web.asked"]


async def ask(site: Site, path: str, token: str | None = TOKEN) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with site.client.get(path, headers=headers) as response:
        await response.read()
        return response.status


async def test_every_request_with_a_role_is_a_line(bare_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    paths = (
        "/metrics",
        "/v1/metrics/trips?start_date=yesterday&city=Lagos&access_token=hush",
        "/v1/workers",
        "/health/live",
        "/nothing",
        "/openapi.json",
    )
    assert [await ask(bare_site, path) for path in paths] == [200, 400, 403, 200, 404, 200]
    assert await ask(bare_site, "/metrics", new_token()) == 401
    found = lines(caplog)
    assert [(line.route, line.status, line.caller, line.role) for line in found] == [
        ("/metrics", 200, "grafana", "viewer"),
        ("/v1/metrics/trips", 400, "grafana", "viewer"),
        ("/v1/workers", 403, "grafana", "viewer"),
        ("/metrics", 401, None, None),
    ]
    assert found[1].parameters == {"start_date": "yesterday", "city": "Lagos"}
    assert all(line.duration_ms >= 0 and line.method == "GET" for line in found)
    told = "\n".join(JsonFormatter("w").format(line) for line in found)
    assert "hush" not in told
    assert "or_" not in told


async def test_a_mail_address_is_masked_and_still_told_apart(
    bare_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for token in (MAIL_TOKEN, TOKEN, MAIL_TOKEN):
        await ask(bare_site, f"/v1/metrics/trips?granularity={'x' * 500}", token)
    first, other, again = lines(caplog)
    assert "amina@" not in JsonFormatter("w").format(first)
    assert first.caller_id == again.caller_id != other.caller_id
    assert len(first.parameters["granularity"]) == 200


@pytest.mark.parametrize("settings", [{"api_audit_log": False}], indirect=True)
async def test_it_can_be_turned_off(bare_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await ask(bare_site, "/metrics")
    assert lines(caplog) == []

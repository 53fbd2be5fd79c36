"""Who asked what is in the log, and nothing that is a secret."""

import asyncio
import json
import logging
from typing import Any

import pytest
from pydantic import SecretStr

from openride_stream.logs import JsonFormatter
from openride_stream.settings import Settings
from tests.fixtures.web import Site
from web.tokens import entry_of, new_token

TOKEN, MAIL_TOKEN, ADMIN_TOKEN = new_token(), new_token(), new_token()
ENTRIES = ",".join(
    (
        entry_of("grafana", "viewer", TOKEN).text(),
        entry_of("amina@example.org", "viewer", MAIL_TOKEN).text(),
        entry_of("root", "admin", ADMIN_TOKEN).text(),
    )
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


async def test_what_is_asked_in_a_body_is_told(bare_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The declared fields, masked and cut; also of what is refused."""
    caplog.set_level(logging.INFO)

    async def post(path: str, given: object, method: str = "POST") -> int:
        body = given if isinstance(given, bytes) else json.dumps(given).encode()
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with bare_site.client.request(method, path, data=body, headers=headers) as response:
            await response.read()
            return response.status

    query = "SELECT phone FROM user_events WHERE email = 'ada@example.org' AND phone = '+2348012345678' --"
    query += "x" * 3000
    await post("/v1/exports/request", {"query": query, "format": "csv", "row_limit": 7, "nope": "hush-hush"})
    schedule = {
        "report_name": "Of +2348012345678",
        "recipients": ["ada@example.org"],
        "parameters": {"city": "Lagos", "email": "nobody at all"},
        "webhook_url": "https://u:secret@hooks.example.org/services/T0/secret?key=secret",
    }
    assert await post("/v1/reports/schedule", schedule) == 400
    assert await post("/v1/schedule-analytics/", {"schedule_id": "s-1", "secret": "secret"}) == 422
    nobody = "/v1/schedule-analytics/00000000-0000-0000-0000-000000000000"
    for body in (b"[]", b"hello", b'{"report_name": ' + b"[" * 900 + b"]" * 900 + b"}"):
        assert await post("/v1/reports/schedule", body) == 400
    await post(nobody, {"level": "error", "webhook_url": 3}, "PATCH")
    export, report, execution, *unread, changed = [line.body for line in lines(caplog)]
    assert set(export) == {"query", "format", "row_limit"}
    assert (export["format"], export["row_limit"], len(export["query"])) == ("csv", 7, 2000)
    assert report == {
        "report_name": "Of ***",
        "recipients": '["***"]',
        "parameters": '{"city":"Lagos","email":"***"}',
        "webhook_url": "https://hooks.example.org/***",
    }
    assert (execution, unread, changed) == (
        {"schedule_id": "s-1"},
        [None, None, {"report_name": "***"}],
        {"level": "error"},
    )
    told = "\n".join(JsonFormatter("w").format(line) for line in lines(caplog))
    for secret in ("ada@", "2348012345678", "secret", "hush", "nobody at all"):
        assert secret not in told, secret


async def test_what_is_pushed_is_told_when_it_begins_and_when_it_ends(
    bare_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    base = "/v1/metrics/realtime"
    async with asyncio.timeout(20):
        async with bare_site.client.ws_connect(
            f"{base}/ws", headers=headers, params={"currency": "KES"}
        ) as ws:
            await ws.receive_json()
            (begun,) = lines(caplog)
            assert (begun.message, begun.caller, begun.status) == ("Listens", "grafana", 101)
            assert (begun.route, begun.parameters) == (f"{base}/ws", {"currency": "KES"})
        async with bare_site.client.get(f"{base}/sse", headers=headers) as response:
            await response.content.readline()
            assert [line.message for line in lines(caplog)][-1] == "Listens"
        while len(lines(caplog)) < 4:
            await bare_site.get("/health/live")
    await ask(bare_site, f"{base}/ws")
    await ask(bare_site, f"{base}/sse", None)
    found = [(line.message, line.route.rpartition("/")[2], line.status) for line in lines(caplog)]
    assert sorted(found[:4]) == [
        ("Asked", "sse", 200),
        ("Asked", "ws", 101),
        ("Listens", "sse", 200),
        ("Listens", "ws", 101),
    ]
    assert found[4:] == [("Asked", "ws", 426), ("Asked", "sse", 401)]


@pytest.mark.parametrize("settings", [{"api_requests_per_minute": 1}], indirect=True)
async def test_who_asks_too_often_is_told(bare_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert [await ask(bare_site, "/metrics") for _ in range(2)] == [200, 429]
    assert [(line.caller, line.status) for line in lines(caplog)] == [("grafana", 200), ("grafana", 429)]


@pytest.mark.parametrize("settings", [{"api_audit_log": False}], indirect=True)
async def test_it_can_be_turned_off(bare_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await ask(bare_site, "/metrics")
    assert lines(caplog) == []

"""What every path answers to HEAD, and which methods it says that it takes."""

import asyncio
import re
from collections import defaultdict

import pytest
from pydantic import SecretStr

from openride_stream.settings import Settings
from tests.contracts.test_endpoints import ENDPOINTS, path_of
from tests.fixtures.web import Site, StartSite
from tests.fixtures.web import path_of as nobodys
from web.endpoint import Endpoint
from web.tokens import entry_of, new_token

DEADLINE_S = 20
APP, TOKEN = "https://app.example.org", new_token()
# What a required parameter may be.
QUERY = {
    "/v1/exports/quick/csv": "query=SELECT%20trip_id%20FROM%20trip_events",
    "/v1/analytics/cohort": "cohort_type=weekly",
}
LAST = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


async def on_one_connection(site: Site, request: bytes) -> tuple[bytes, bytes]:
    """The head of the answer, and all that comes after it, with one further request behind it."""
    server = site.client.server
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(request + LAST)
        head = await reader.readuntil(b"\r\n\r\n")
        rest = await reader.read()
        writer.close()
        return head, rest


def line_of(head: bytes) -> bytes:
    return head.partition(b"\r\n")[0]


async def test_a_head_has_no_body_and_leaves_the_connection_good_everywhere(site: Site) -> None:
    at_once = asyncio.Semaphore(6)

    async def check(endpoint: Endpoint) -> None:
        path = path_of(endpoint) + (f"?{QUERY[endpoint.path]}" if endpoint.path in QUERY else "")
        async with at_once:
            head, rest = await on_one_connection(
                site, f"HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
            )
        assert rest.startswith(b"HTTP/1.1 200 OK\r\n"), (path, head, rest[:200])
        assert rest.count(b"HTTP/1.1 ") == 1, path
        assert b"Transfer-Encoding" not in head, path
        # What a store is asked for is the same to both; it would be asked for twice.
        if endpoint.push is None and not endpoint.path.startswith(("/v1/metrics", "/v1/analytics")):
            async with at_once, site.client.get(path) as response:
                assert line_of(head) == f"HTTP/1.1 {response.status} {response.reason}".encode(), path
                told = {name for name in response.headers if name.startswith(("Content-", "Cache-", "ETag"))}
            assert all(f"\r\n{name}: ".encode() in head for name in told), path

    await asyncio.gather(*(check(endpoint) for endpoint in ENDPOINTS if endpoint.method == "GET"))


async def test_a_head_of_what_is_pushed_is_its_head_and_nothing_runs(bare_site: Site) -> None:
    begin = "HEAD /v1/metrics/realtime/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for path, upgrade, status in (
        ("sse", "", 200),
        ("ws", "", 426),
        ("ws", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", 426),
    ):
        head, rest = await on_one_connection(bare_site, f"{begin.format(path)}{upgrade}\r\n".encode())
        assert line_of(head).startswith(f"HTTP/1.1 {status} ".encode()), head
        if path == "sse":
            assert b"text/event-stream" in head
        assert not rest or rest.startswith(b"HTTP/1.1 200 OK\r\n")


async def methods_told(site: Site, method: str, path: str) -> tuple[int, list[str]]:
    async with site.client.request(method, path) as response:
        if response.status == 405 and method != "HEAD":
            document = await response.json(content_type="application/problem+json")
            assert document["status"] == 405
        return response.status, [name for name in response.headers.get("Allow", "").split(", ") if name]


async def test_what_is_not_allowed_says_what_is_and_that_is_so(
    start_site: StartSite, bare_site: Site
) -> None:
    starting = await start_site(bare_site.runtime.store, running=False)
    declared = defaultdict(set)
    for endpoint in ENDPOINTS:
        if endpoint.push is None:
            declared[nobodys(endpoint)].add(endpoint.method)
    answered: dict[tuple[str, str], int] = {}

    async def status_of(method: str, path: str) -> int:
        if (method, path) not in answered:
            answered[method, path] = (await methods_told(starting, method, path))[0]
        return answered[method, path]

    for path, methods in declared.items():
        assert all([await status_of(method, path) != 405 for method in methods]), path
        for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "SEARCH"):
            status, allowed = await methods_told(starting, method, path)
            if status != 405:
                continue
            assert method not in allowed
            assert methods <= set(allowed), (method, path)
            assert ("HEAD" in allowed) == ("GET" in allowed), (method, path)
            for named in allowed:
                assert await status_of(named, path) != 405, (named, path)
    path = "/v1/schedule-analytics/mongo/execution"
    assert await methods_told(starting, "HEAD", path) == (405, ["POST"])


class TestFromPagesOfAnotherOrigin:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        update = {"web_cors_origins": APP, "api_tokens": SecretStr(entry_of("me", "admin", TOKEN).text())}
        return settings.model_copy(update=update)

    async def test_a_preflight_names_what_may_be_asked(self, bare_site: Site) -> None:
        declared = defaultdict(set)
        for endpoint in ENDPOINTS:
            declared[nobodys(endpoint)].add(endpoint.method)
        for path, methods in declared.items():
            headers = {"Origin": APP, "Access-Control-Request-Method": sorted(methods)[0]}
            async with bare_site.client.options(path, headers=headers) as response:
                assert (response.status, path) == (204, path)
                told = set(re.split(", ", response.headers["Access-Control-Allow-Methods"]))
                assert methods <= told
                assert ("HEAD" in told) == ("GET" in told)

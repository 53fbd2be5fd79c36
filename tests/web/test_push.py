"""The realtime answer pushed: over a WebSocket and as server-sent events."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponse, WSMsgType, WSServerHandshakeError
from pydantic import SecretStr

from openride_stream.settings import Settings
from tests.fixtures.web import Site
from web import push
from web.tokens import entry_of, new_token

WS, SSE = "/v1/metrics/realtime/ws", "/v1/metrics/realtime/sse"
TOKEN = new_token()
DEADLINE_S = 30.0


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "_INTERVAL_S", 0.02)


async def events(response: ClientResponse) -> AsyncIterator[dict[str, object]]:
    async for line in response.content:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


async def test_a_websocket_gets_answer_after_answer(bare_site: Site) -> None:
    async with (
        asyncio.timeout(DEADLINE_S),
        bare_site.client.ws_connect(WS, params={"currency": "KES"}) as pushed,
    ):
        first = await pushed.receive_json()
        bare_site.runtime.clock.advance(5)
        while (later := await pushed.receive_json())["timestamp"] == first["timestamp"]:
            pass
        assert list(first) == list(await bare_site.get("/v1/metrics/realtime"))
        assert later["timestamp"] > first["timestamp"]


async def test_server_sent_events_carry_the_same(bare_site: Site) -> None:
    async with asyncio.timeout(DEADLINE_S), bare_site.client.get(SSE) as response:
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        stream = events(response)
        first = await anext(stream)
        assert list(first) == list(await bare_site.get("/v1/metrics/realtime"))
        await anext(stream)


async def test_a_server_that_stops_says_good_bye(bare_site: Site) -> None:
    async with (
        asyncio.timeout(DEADLINE_S),
        bare_site.client.ws_connect(WS) as pushed,
        bare_site.client.get(SSE) as response,
    ):
        await pushed.receive_json()
        await push.stop_pushing(bare_site.client.app)
        while (message := await pushed.receive()).type is WSMsgType.TEXT:
            pass
        assert message.type is WSMsgType.CLOSE
        assert pushed.close_code == 1001
        await response.read()


async def test_a_request_that_is_no_websocket_is_told_so(bare_site: Site) -> None:
    problem = await bare_site.get(WS, status=426)
    assert "WebSocket" in problem["detail"]
    with pytest.raises(WSServerHandshakeError) as refused:
        await bare_site.client.ws_connect(WS, params={"currency": "naira"})
    assert refused.value.status == 400


class TestWithTokens:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        entries = entry_of("wall", "viewer", TOKEN).text()
        return settings.model_copy(update={"api_tokens": SecretStr(entries)})

    async def test_a_browser_sends_its_token_as_a_protocol(self, bare_site: Site) -> None:
        async with asyncio.timeout(DEADLINE_S):
            async with bare_site.client.ws_connect(WS, protocols=("bearer", TOKEN)) as pushed:
                assert pushed.protocol == "bearer"
                assert "active_users" in await pushed.receive_json()
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with bare_site.client.ws_connect(WS, headers=headers) as pushed:
                assert "active_users" in await pushed.receive_json()

    async def test_without_one_or_with_another_it_is_refused(self, bare_site: Site) -> None:
        for protocols in ((), ("bearer",), ("bearer", new_token()), ("other", TOKEN), ("bearer", TOKEN, "x")):
            with pytest.raises(WSServerHandshakeError) as refused:
                await bare_site.client.ws_connect(WS, protocols=protocols)
            assert refused.value.status == 401
        await bare_site.get(SSE, status=401)


async def test_a_client_that_reads_nothing_is_let_go_and_queues_nothing(
    bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_TAKES_NOTHING_S", 0.5)
    monkeypatch.setattr(push, "_INTERVAL_S", 0.001)
    server = bare_site.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(f"GET {SSE} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    async with asyncio.timeout(DEADLINE_S):
        await bare_site.get("/health/live")
        web_server = server.runner.server
        assert web_server is not None
        while len(web_server.connections) < 2:
            await bare_site.get("/health/live")
        (stuck,) = [
            each
            for each in web_server.connections
            if each.transport.get_extra_info("peername") == writer.get_extra_info("sockname")
        ]
        while stuck.transport is not None:
            await bare_site.get("/health/live")
    writer.close()

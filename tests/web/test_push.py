"""The realtime answer pushed: over a WebSocket and as server-sent events."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientResponse, WSMsgType, WSServerHandshakeError
from pydantic import SecretStr

from openride_stream.errors import StoreUnavailable
from openride_stream.settings import Settings
from tables.realtime import Figures
from tests.fixtures.web import Site
from tests.tables.rides import moved
from tests.tables.test_realtime import of_type, seen
from tests.web.test_jwts import AUDIENCE, ISSUER, SECRET, by_secret
from web import audience, push
from web.tokens import entry_of, new_token

WS, SSE = "/v1/metrics/realtime/ws", "/v1/metrics/realtime/sse"
TOKEN = new_token()
DEADLINE_S = 30.0


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "_INTERVAL_S", 0.02)


async def events(response: ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in response.content:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


async def test_a_websocket_gets_answer_after_answer(bare_site: Site) -> None:
    async with (
        asyncio.timeout(DEADLINE_S),
        bare_site.client.ws_connect(WS, params={"currency": "KES"}) as pushed,
    ):
        first = await pushed.receive_json()
        assert first == await bare_site.get("/v1/metrics/realtime", currency="KES")
        bare_site.runtime.clock.advance(5)
        while (later := await pushed.receive_json())["timestamp"] == first["timestamp"]:
            pass
        assert later["timestamp"] > first["timestamp"]


async def test_server_sent_events_carry_the_same(bare_site: Site) -> None:
    async with asyncio.timeout(DEADLINE_S), bare_site.client.get(SSE) as response:
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        stream = events(response)
        first = await anext(stream)
        assert first == await bare_site.get("/v1/metrics/realtime")
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
    monkeypatch.setattr(audience, "_TAKES_NOTHING_S", 0.5)
    monkeypatch.setattr(audience, "_INTERVAL_S", 0.001)
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


class TestWithTokensThatExpire:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        trusted = {"issuer": ISSUER, "audience": AUDIENCE, "secret": SecretStr(SECRET)}
        return settings.model_copy(update={f"api_jwt_{name}": value for name, value in trusted.items()})

    async def test_a_push_ends_with_the_token_that_began_it_and_no_other(self, bare_site: Site) -> None:
        clock = bare_site.runtime.clock
        soon, later = (by_secret(exp=clock.now_ms() // 1000 + left_s) for left_s in (60, 600))
        async with (
            asyncio.timeout(DEADLINE_S),
            bare_site.client.ws_connect(WS, protocols=("bearer", soon)) as first,
            bare_site.client.ws_connect(WS, protocols=("bearer", later)) as second,
            bare_site.client.get(SSE, headers={"Authorization": f"Bearer {soon}"}) as response,
        ):
            for pushed in (first, second):
                await pushed.receive_json()
            clock.advance(120)
            while (message := await first.receive()).type is WSMsgType.TEXT:
                pass
            assert (message.type, first.close_code) == (WSMsgType.CLOSE, 1008)
            await response.read()
            told = (await second.receive_json())["timestamp"]
            while (await second.receive_json())["timestamp"] == told:
                clock.advance(1)


@pytest.mark.parametrize("path", [WS, SSE])
async def test_many_who_ask_the_same_are_answered_from_one_answer(
    bare_site: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Also those who come later, ask for another currency, or go in between."""
    made: list[int] = []
    figures = bare_site.live.figures

    def counted(now_ms: int, currency: str) -> Figures:
        made.append(now_ms)
        return figures(now_ms, currency)

    monkeypatch.setattr(bare_site.live, "figures", counted)
    async with asyncio.timeout(DEADLINE_S), AsyncExitStack() as stack:
        heard = [await _listening(bare_site, stack, path, currency="KES") for _ in range(20)]
        first = [await anext(stream) for stream in heard]
        assert all(answer == first[0] for answer in first)
        bare_site.runtime.clock.advance(5)
        newer = [await _after(stream, first[0]["timestamp"]) for stream in heard]
        assert all(answer == newer[0] for answer in newer)
        late = await _listening(bare_site, stack, path, currency="KES")
        assert (await anext(late))["timestamp"] >= newer[0]["timestamp"]
        other = await _listening(bare_site, stack, path)
        assert "active_users" in await anext(other)
        assert len(made) <= 3, "one for each clock and currency, whoever listens"


async def test_currencies_that_nothing_was_paid_in_have_one_look(
    bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until something is: then it is told to who asks for it."""
    made: list[int] = []
    figures = bare_site.live.figures

    def counted(now_ms: int, currency: str) -> Figures:
        made.append(now_ms)
        return figures(now_ms, currency)

    def pay(currency: str, price: str) -> None:
        now_ms = bare_site.runtime.clock.now_ms()
        (confirmed,) = of_type("booking.confirmed", 1)
        paid = moved(confirmed | {"total_price": price, "currency": currency}, now_ms - 1000)
        bare_site.live.state.add(seen([paid]), now_ms)

    monkeypatch.setattr(bare_site.live, "figures", counted)
    pay("KES", "12.50")
    async with asyncio.timeout(DEADLINE_S), AsyncExitStack() as stack:
        unknown = [f"X{one}{other}" for one in "ABCDE" for other in "ABCDEFGHIJ"]
        heard = [await _listening(bare_site, stack, SSE, currency=currency) for currency in unknown]
        paid = await _listening(bare_site, stack, SSE, currency="KES")
        first = await anext(paid)
        assert first["revenue_last_hour"] == "12.50"
        assert [(await anext(stream))["revenue_last_hour"] for stream in heard] == ["0.00"] * 50
        assert len(made) <= 2, "one for all, and one for KES"
        last = first["timestamp"]
        for tick in (2, 3):
            bare_site.runtime.clock.advance(5)
            told = {(await _after(stream, last))["timestamp"] for stream in (*heard, paid)}
            assert len(told) == 1
            assert len(made) <= 2 * tick
            last = told.pop()
        pay("XAA", "7.00")
        bare_site.runtime.clock.advance(5)
        assert (await _after(heard[0], last))["revenue_last_hour"] == "7.00"
        assert (await _after(heard[1], last))["revenue_last_hour"] == "0.00"
        assert (await bare_site.get("/v1/metrics/realtime", currency="XAA"))["revenue_last_hour"] == "7.00"


async def _listening(
    site: Site, stack: AsyncExitStack, path: str, **asked: str
) -> AsyncIterator[dict[str, Any]]:
    if path == WS:
        connection = await stack.enter_async_context(site.client.ws_connect(path, params=asked))

        async def messages() -> AsyncIterator[dict[str, Any]]:
            async for message in connection:
                yield json.loads(message.data)

        return messages()
    return events(await stack.enter_async_context(site.client.get(path, params=asked)))


async def _after(stream: AsyncIterator[dict[str, Any]], timestamp: str) -> dict[str, Any]:
    while (answer := await anext(stream))["timestamp"] <= timestamp:
        pass
    return answer


async def test_an_answer_that_fails_ends_what_was_pushed_and_a_store_that_is_away_does_not(
    bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[Exception] = [StoreUnavailable("away"), StoreUnavailable("away")]
    figures = bare_site.live.figures

    def failing(now_ms: int, currency: str) -> Figures:
        if failures:
            raise failures.pop()
        return figures(now_ms, currency)

    monkeypatch.setattr(bare_site.live, "figures", failing)
    async with asyncio.timeout(DEADLINE_S), bare_site.client.ws_connect(WS) as pushed:
        first = await pushed.receive_json()
        failures.append(RuntimeError("a mistake"))
        bare_site.runtime.clock.advance(5)
        while (message := await pushed.receive()).type is WSMsgType.TEXT:
            assert message.json()["timestamp"] == first["timestamp"]
        assert message.type is WSMsgType.CLOSE


async def test_a_question_that_fails_ends_its_own_push_and_no_other(
    bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(state: object, now_ms: int) -> frozenset[int]:
        raise RuntimeError(state, now_ms)

    monkeypatch.setattr("web.views.realtime.currencies_paid", broken)
    async with (
        asyncio.timeout(DEADLINE_S),
        bare_site.client.ws_connect(WS) as usual,
        bare_site.client.ws_connect(WS, params={"currency": "KES"}) as failing,
    ):
        assert (await failing.receive()).type is WSMsgType.CLOSE
        told = (await usual.receive_json())["timestamp"]
        bare_site.runtime.clock.advance(5)
        while (await usual.receive_json())["timestamp"] == told:
            pass


async def test_who_listens_hears_that_the_worker_is_there(
    bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(now_ms: int, currency: str) -> Figures:
        raise StoreUnavailable("away")

    monkeypatch.setattr(bare_site.live, "figures", away)
    monkeypatch.setattr(push, "_HEARTBEAT_S", 0.05)
    async with asyncio.timeout(DEADLINE_S):
        async with bare_site.client.get(SSE) as response:
            while await response.content.readline() != b":\n":
                pass
        async with bare_site.client.ws_connect(WS, autoping=False) as pushed:
            assert (await pushed.receive()).type is WSMsgType.PING


async def test_who_was_slow_gets_the_newest_answer_and_no_queue(
    bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "_INTERVAL_S", 0.001)
    server, ticks = bare_site.client.server, 600
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    async with asyncio.timeout(DEADLINE_S):
        writer.write(f"GET {SSE} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        await reader.readuntil(b"data: ")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(ticks):
            bare_site.runtime.clock.advance(1)
            await bare_site.get("/health/live")
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        newest = (await bare_site.get("/v1/metrics/realtime"))["timestamp"]
        read = 1
        while newest.encode() not in await reader.readuntil(b"\n\n"):
            read += 1
        writer.close()
        await writer.wait_closed()
        web_server = server.runner.server
        assert web_server is not None
        while len(web_server.connections) > 1:
            await bare_site.get("/health/live")
    # What the kernels of both sides hold was on its way when it stopped reading.
    assert read < ticks / 2


async def test_who_answers_no_ping_is_let_go_and_who_does_is_not(
    bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_HEARTBEAT_S", 0.2)
    async with (
        asyncio.timeout(DEADLINE_S),
        bare_site.client.ws_connect(WS) as answering,
        bare_site.client.ws_connect(WS, autoping=False) as mute,
    ):
        heard: list[str] = []

        async def listen() -> None:
            async for message in answering:
                heard.append(message.json()["timestamp"])

        listening, pings = asyncio.create_task(listen()), 0
        while (message := await mute.receive()).type in (WSMsgType.TEXT, WSMsgType.PING):
            pings += message.type is WSMsgType.PING
        assert (pings, message.type in (WSMsgType.CLOSED, WSMsgType.ERROR)) == (1, True)
        bare_site.runtime.clock.advance(5)
        newest = (await bare_site.get("/v1/metrics/realtime"))["timestamp"]
        while heard[-1] != newest:
            await bare_site.get("/health/live")
        listening.cancel()


@pytest.mark.parametrize("length", [1, 125, 126, 65_535, 65_536])
def test_a_body_of_any_length_is_one_frame(length: int) -> None:
    frame = push._as_message(b"x" * length)
    told = frame[1] if length < 126 else int.from_bytes(frame[2 : 4 if length < 65_536 else 10], "big")
    assert (frame[0], told, frame[-length:]) == (0x81, length, b"x" * length)

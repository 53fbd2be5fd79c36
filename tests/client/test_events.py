"""The realtime stream: event after event from the real server, closed when the block is left."""

import asyncio
import time
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_stream.client import (
    AsyncOpenRide,
    InvalidParameter,
    OpenRide,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from openride_stream.client.events import EventReader
from tests.fixtures.served import Served
from web import audience

DEADLINE_S = 20.0


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "_INTERVAL_S", 0.02)


def connections(served: Served) -> int:
    server = served.site.client.server.runner.server
    assert server is not None
    return len(server.connections)


def test_figures_come_and_the_connection_is_closed(served: Served) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    with OpenRide(served.url, served.tokens["viewer"]) as client:
        with client.stream_realtime(currency="KES") as pushed:
            first, second = next(pushed), next(pushed)
            assert first.timestamp <= second.timestamp
            assert connections(served) > 0
        # The client lives, and what it streamed over has gone.
        while connections(served) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert connections(served) == 0


async def test_the_other_client_streams_as_well(served: Served) -> None:
    async with asyncio.timeout(DEADLINE_S), AsyncOpenRide(served.url, served.tokens["viewer"]) as client:
        async with client.stream_realtime() as pushed:
            seen = []
            async for now in pushed:
                seen.append(now.revenue_last_hour)
                if len(seen) == 3:
                    break
        assert seen == [0, 0, 0]


async def test_a_refusal_is_raised_before_the_first_figure(served: Served) -> None:
    with (
        OpenRide(served.url) as client,
        pytest.raises(Unauthorized, match="token"),
        client.stream_realtime(),
    ):
        pass
    async with AsyncOpenRide(served.url, served.tokens["viewer"]) as aclient:
        with pytest.raises(InvalidParameter) as caught:
            async with aclient.stream_realtime(currency="naira"):
                pass
    assert caught.value.parameter == "currency"


class Breaking(httpx.SyncByteStream):
    def __iter__(self):  # type: ignore[no-untyped-def]
        yield b"retry: 2000\n\n"
        raise httpx.ReadError("the worker was killed")


def test_its_end_and_a_broken_connection_are_told_apart() -> None:
    for stream, data in ((None, b"retry: 2000\n\n"), (Breaking(), None)):
        answer = httpx.Response(200, content=data, stream=stream)
        transport = httpx.MockTransport(lambda _, answer=answer: answer)  # type: ignore[misc]
        with OpenRide(transport=transport) as client, client.stream_realtime() as pushed:
            if stream is None:
                assert list(pushed) == []
            else:
                with pytest.raises(Unreachable, match="killed"):
                    next(pushed)


def test_an_event_that_is_none_of_ours_is_no_answer() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"data: 1\n\n"))
    with (
        OpenRide(transport=transport) as client,
        client.stream_realtime() as pushed,
        pytest.raises(UnexpectedAnswer),
    ):
        next(pushed)


@given(st.lists(st.integers(0, 60)))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    stream = (
        'retry: 1\n\n: hello\n\ndata: {"a": "\u2028"}\n\nevent: x\r\ndata:1\r\ndata: 2\r\n\r\ndata: no end'
    )
    places = sorted({0, *cuts, 200})
    reader = EventReader()
    chunks = [stream.encode()[a:b] for a, b in pairwise(places)]
    found = [event for chunk in chunks for event in reader.feed(chunk)]
    assert found == ['{"a": "\u2028"}'.encode(), b"1\n2"]

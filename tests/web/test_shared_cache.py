"""Workers that share a Redis answer alike, also when it hangs."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from time import perf_counter

import pytest
from pydantic import SecretStr

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.reader import Reader
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.clock import SystemClock
from openride_stream.settings import Settings
from tests.fixtures.web import Site, StartSite, fill
from tests.web.test_metrics import RANGE, event
from web.tokens import entry_of, new_token

TRIPS, TOKEN = "/v1/metrics/trips", new_token()
# What a Redis that says nothing may cost one request: its time-outs, and a question beside them.
WITHIN_S = 5.0


async def asked(site: Site) -> tuple[str, str, int]:
    """Hit or miss, the tag, and how many trips started."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with site.client.get(TRIPS, params=RANGE, headers=headers) as response:
        assert response.status == 200
        started = (await response.json())["trips_started"]
        return response.headers["X-Cache"], response.headers["ETag"], started


class TestOneRedis:
    @pytest.fixture
    def settings(self, settings: Settings, redis_url: str) -> Settings:
        return settings.model_copy(update={"redis_url": redis_url})

    @pytest.mark.redis
    @pytest.mark.parametrize("look_s", [0.0, 1.0])
    async def test_what_one_worker_computed_another_finds_until_an_event_comes_in(
        self, start_site: StartSite, store: ClickHouse, look_s: float
    ) -> None:
        """Also one of a day that is long over, by whichever worker."""
        first, second = await start_site(store), await start_site(store)
        for site in (first, second):
            site.runtime.reader = Reader(store, site.runtime.clock, look_s)
        await fill(first, [event("trip.started")])
        await Reconciler(store, first.metrics, SystemClock(), first.settings).run()
        outcome, tag, started = await asked(first)
        assert (outcome, started) == ("miss", 1)
        assert await asked(second) == ("hit", tag, 1)
        await fill(first, [event("trip.started") | {"trip_id": str(uuid.uuid4())}])
        if look_s:
            assert [await asked(site) for site in (first, second)] == [("hit", tag, 1)] * 2
            first.runtime.clock.advance(look_s)
        (outcome, new_tag, started), again = await asked(second), await asked(first)
        assert (outcome, started) == ("miss", 2)
        assert new_tag != tag
        assert again == ("hit", new_tag, 2)


@pytest.fixture(params=["silent", "slow"])
async def bad_redis(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The URL of one that takes connections and says nothing, or never comes to an end."""
    if request.param == "silent":
        with socket.create_server(("127.0.0.1", 0)) as silent:
            yield f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        return

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        with suppress(ConnectionError):
            while True:
                writer.write(b"+")
                await writer.drain()
                await asyncio.sleep(0.05)

    server = await asyncio.start_server(dribble, "127.0.0.1", 0)
    yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    server.close()


class TestARedisThatHangs:
    @pytest.fixture
    def settings(self, settings: Settings, bad_redis: str) -> Settings:
        tokens = SecretStr(entry_of("me", "viewer", TOKEN).text())
        update = {"redis_url": bad_redis, "api_tokens": tokens, "api_requests_per_minute": 600}
        return settings.model_copy(update=update)

    async def test_no_request_fails_or_waits_long(self, site: Site) -> None:
        for at_once in (1, 5):
            started_s = perf_counter()
            answers = await asyncio.gather(*(asked(site) for _ in range(at_once)))
            assert perf_counter() - started_s < WITHIN_S
            assert {answer[2] for answer in answers} == {0}

"""How often a token may ask, alone and over workers that share a Redis."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from openride_stream.clock import SystemClock
from openride_stream.settings import Settings
from tests.fixtures.clock import ManualClock
from tests.fixtures.web import Site
from web.limits import Limiter, OwnLimiter
from web.problems import Problem
from web.tokens import entry_of, new_token

TOKENS = {name: new_token() for name in ("one", "other")}


async def refusals(limiter: Limiter, times: int, key: str = "token:one") -> list[int]:
    """`Retry-After` of each refused request of so many."""
    found = []
    for _ in range(times):
        try:
            await limiter.count(key)
        except Problem as problem:
            found.append(int(problem.headers["Retry-After"]))
    return found


def limit(per_minute: int, redis_url: str = "") -> Settings:
    return Settings(_env_file=None, pii_key="k", api_requests_per_minute=per_minute, redis_url=redis_url)


async def test_a_minutes_share_at_once_and_then_evenly(clock: ManualClock) -> None:
    limiter = Limiter(limit(6), clock)
    assert await refusals(limiter, 6) == []
    assert await refusals(limiter, 2) == [10, 10], "what is refused costs nothing"
    assert await refusals(limiter, 6, "token:other") == []
    clock.advance(9)
    assert await refusals(limiter, 1) == [1]
    clock.advance(1)
    assert len(await refusals(limiter, 3)) == 2
    clock.advance(3600)
    assert len(await refusals(limiter, 10)) == 4, "no more than a minute's is saved up"


async def test_zero_is_no_limit(clock: ManualClock) -> None:
    assert await refusals(Limiter(limit(0), clock), 1000) == []


def test_callers_are_forgotten_the_longest_ago_first(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.limits._MAX_CALLERS", 3)
    limiter = OwnLimiter(1, clock)
    assert [limiter.wait_ms(str(key)) for key in range(10)] == [0] * 10
    assert limiter.callers == 3
    assert limiter.wait_ms("9") > 0
    assert limiter.wait_ms("0") == 0


async def test_a_redis_that_hangs_or_is_down_refuses_nobody(clock: ManualClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        limiter = Limiter(limit(5, f"redis://127.0.0.1:{silent.getsockname()[1]}/0"), clock)
        assert await refusals(limiter, 5) == []
        assert len(await refusals(limiter, 2)) == 2, "each worker counts for itself then"
        await limiter.close()
    clock.advance(3)
    await limiter.close()
    assert len(await refusals(limiter, 1, "token:other")) == 0


@pytest.fixture
async def on_redis(redis_url: str) -> AsyncIterator[Callable[[int], Awaitable[Limiter]]]:
    opened: list[Limiter] = []

    async def start(per_minute: int) -> Limiter:
        opened.append(Limiter(limit(per_minute, redis_url), SystemClock()))
        return opened[-1]

    yield start
    for limiter in opened:
        await limiter.close()


@pytest.mark.redis
async def test_workers_count_together(on_redis: Callable[[int], Awaitable[Limiter]]) -> None:
    first, second = await on_redis(4), await on_redis(4)
    assert await refusals(first, 2) == []
    assert await refusals(second, 2) == []
    waits = await refusals(first, 1) + await refusals(second, 1)
    assert len(waits) == 2
    assert all(10 <= wait_s <= 15 for wait_s in waits)
    assert await refusals(second, 4, "token:other") == []


@pytest.mark.redis
@pytest.mark.parametrize("garbage", ["x", "nan", "inf", "1e300", "99999999999999", "-1e300", ["a list"]])
async def test_what_others_left_under_a_callers_key_counts_for_nothing(
    on_redis: Callable[[int], Awaitable[Limiter]], redis_url: str, garbage: str | list[str]
) -> None:
    limiter, other_worker = await on_redis(2), await on_redis(2)
    assert await refusals(limiter, 1) == []
    client = Redis.from_url(redis_url)
    (key,) = await client.keys("openride:rate:*")
    await client.delete(key)
    await (client.set(key, garbage) if isinstance(garbage, str) else client.rpush(key, *garbage))  # type: ignore[misc]
    assert await refusals(limiter, 2) == [], "nobody is locked out"
    assert len(await refusals(other_worker, 1)) == 1, "and the workers count together again"
    await client.aclose()


@pytest.mark.redis
async def test_a_share_comes_back(on_redis: Callable[[int], Awaitable[Limiter]]) -> None:
    limiter = await on_redis(600)
    assert len(await refusals(limiter, 700)) > 0
    deadline = SystemClock().monotonic_s() + 10
    while await refusals(limiter, 1):
        assert SystemClock().monotonic_s() < deadline


@pytest.fixture
def settings(settings: Settings) -> Settings:
    entries = ",".join(entry_of(name, "viewer", token).text() for name, token in TOKENS.items())
    return settings.model_copy(update={"api_tokens": SecretStr(entries), "api_requests_per_minute": 3})


async def test_one_token_too_often_is_429_and_the_other_is_answered(bare_site: Site) -> None:
    async def ask(name: str, path: str = "/metrics") -> int:
        headers = {"Authorization": f"Bearer {TOKENS[name]}"}
        async with bare_site.client.get(path, headers=headers) as response:
            if response.status == 429:
                assert int(response.headers["Retry-After"]) == 20
                document = await response.json(content_type="application/problem+json")
                assert document["type"] == "urn:openride:problem:too-many-requests"
            return response.status

    assert [await ask("one", path) for path in ("/metrics", "/v1/workers", "/metrics")] == [200, 403, 200]
    assert [await ask("one"), await ask("one", "/v1/workers"), await ask("one", "/health/live")] == [
        429,
        429,
        200,
    ]
    assert await ask("other") == 200

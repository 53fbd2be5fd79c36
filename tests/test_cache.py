"""One behaviour for both caches; then what only one of them can get wrong."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from openride_stream.cache import Cache, InProcessCache, open_cache
from openride_stream.cache.shared import RedisCache
from openride_stream.clock import SystemClock
from openride_stream.errors import ConfigurationError
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.fixtures.clock import ManualClock


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def outcomes(metrics: Metrics) -> Callable[[str], float]:
    """How often a look-up went so."""
    return lambda outcome: metrics.cache_requests_total.labels(outcome)._value.get()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def cache(request: pytest.FixtureRequest, metrics: Metrics) -> AsyncIterator[Cache]:
    opened: Cache
    if request.param == "memory":
        opened = InProcessCache(metrics, SystemClock(), max_bytes=100_000)
    else:
        opened = RedisCache(request.getfixturevalue("redis_url"), metrics, SystemClock())
    yield opened
    await opened.close()


async def _answer() -> bytes:
    return b"computed"


async def test_what_is_set_comes_back(cache: Cache) -> None:
    assert await cache.get("a") is None
    await cache.set("a", b"\x00\xff", 60)
    await cache.set("b", b"", 60)
    assert await cache.get("a") == b"\x00\xff"
    assert await cache.get("b") == b""
    await cache.set("a", b"new", 60)
    assert await cache.get("a") == b"new"


async def test_a_value_expires(cache: Cache) -> None:
    await cache.set("a", b"1", 0.05)
    deadline = SystemClock().monotonic_s() + 10
    while await cache.get("a") is not None:
        assert SystemClock().monotonic_s() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("ttl_s", [0, -1])
async def test_no_time_to_live_keeps_nothing(cache: Cache, ttl_s: float) -> None:
    await cache.set("a", b"1", ttl_s)
    assert await cache.get("a") is None


async def test_computed_once_then_kept(cache: Cache, outcomes: Callable[[str], float]) -> None:
    assert await cache.get_or_compute("a", 60, _answer) == b"computed"

    async def never() -> bytes:
        raise AssertionError

    assert await cache.get_or_compute("a", 60, never) == b"computed"
    assert (outcomes("miss"), outcomes("hit")) == (1, 1)


async def test_callers_at_the_same_time_share_one_computation(
    cache: Cache, outcomes: Callable[[str], float]
) -> None:
    calls = 0

    async def slow() -> bytes:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.02)
        return b"shared"

    assert await asyncio.gather(*(cache.get_or_compute("a", 60, slow) for _ in range(10))) == [b"shared"] * 10
    assert calls == 1
    assert outcomes("joined") == 9


async def test_an_error_reaches_all_and_is_not_kept(cache: Cache) -> None:
    async def fails() -> bytes:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    results = await asyncio.gather(
        *(cache.get_or_compute("a", 60, fails) for _ in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [ZeroDivisionError] * 3
    assert await cache.get_or_compute("a", 60, _answer) == b"computed"


async def test_a_caller_who_leaves_does_not_take_the_answer_from_others(cache: Cache) -> None:
    may_go_on = asyncio.Event()

    async def waits() -> bytes:
        await may_go_on.wait()
        return b"late"

    first = asyncio.create_task(cache.get_or_compute("a", 60, waits))
    second = asyncio.create_task(cache.get_or_compute("a", 60, waits))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0)
    may_go_on.set()
    assert await second == b"late"


async def test_when_all_callers_have_left_the_computation_stops(cache: Cache) -> None:
    began, stopped = asyncio.Event(), asyncio.Event()

    async def forever() -> bytes:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return b""

    caller = asyncio.create_task(cache.get_or_compute("a", 60, forever))
    await began.wait()
    caller.cancel()
    await asyncio.wait_for(stopped.wait(), 10)
    assert await cache.get_or_compute("a", 60, _answer) == b"computed"


async def test_memory_is_bounded_and_the_least_used_goes_first(metrics: Metrics, clock: ManualClock) -> None:
    cache = InProcessCache(metrics, clock, max_bytes=10_000)
    await cache.set("used", b"x" * 1_000, 60)
    for i in range(50):
        await cache.set(f"k{i}", b"x" * 1_000, 60)
        assert await cache.get("used") is not None
        assert cache.used_bytes <= 10_000
    assert await cache.get("k0") is None
    assert await cache.get("k49") is not None
    await cache.set("k49", b"x" * 10_000, 60)
    assert await cache.get("k49") is None, "too large a value must not leave its old one behind"
    await cache.close()
    assert cache.used_bytes == 0


async def test_time_is_the_clocks(metrics: Metrics, clock: ManualClock) -> None:
    cache = InProcessCache(metrics, clock, max_bytes=10_000)
    await cache.set("a", b"1", 60)
    clock.advance(59.9)
    assert await cache.get("a") == b"1"
    clock.advance(0.1)
    assert await cache.get("a") is None
    assert cache.used_bytes == 0


async def test_a_redis_that_is_down_costs_a_computation(
    metrics: Metrics, clock: ManualClock, outcomes: Callable[[str], float]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        cache = RedisCache(f"redis://127.0.0.1:{taken.getsockname()[1]}/0", metrics, clock)
        assert await cache.get_or_compute("a", 60, _answer) == b"computed"
        assert await cache.get("a") is None
        assert outcomes("unavailable") == 2
        await cache.close()


async def test_a_redis_that_hangs_is_asked_once_and_then_left_alone(
    metrics: Metrics, clock: ManualClock
) -> None:
    connections = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        cache = RedisCache(f"redis://127.0.0.1:{port}/0", metrics, clock)
        for _ in range(5):
            assert await cache.get_or_compute("a", 60, _answer) == b"computed"
        assert connections == 1
        clock.advance(3)
        assert await cache.get("a") is None
        assert connections == 2
        await cache.close()


@pytest.mark.redis
async def test_workers_share_a_redis(redis_url: str, metrics: Metrics) -> None:
    first, second = (RedisCache(redis_url, metrics, SystemClock()) for _ in range(2))
    await first.set("a", b"1", 60)
    assert await second.get("a") == b"1"
    client = Redis.from_url(redis_url)
    assert 50_000 < await client.pttl("openride:cache:a") <= 60_000
    await client.aclose()
    await first.close()
    await second.close()


@pytest.mark.redis
async def test_what_others_left_under_our_keys_is_no_answer(
    redis_url: str, metrics: Metrics, outcomes: Callable[[str], float]
) -> None:
    cache, forger = (RedisCache(redis_url, metrics, SystemClock(), secret) for secret in (b"ours", b"theirs"))
    client = Redis.from_url(redis_url)
    await cache.set("a", b"1", 60)
    await cache.set("b", b"2", 60)
    kept = await client.get("openride:cache:b")
    for garbage in (b"", b"x", b'{"trips_started": 7}' * 9, kept, kept[:-1], kept + b"3"):
        await client.set("openride:cache:a", garbage)
        assert await cache.get("a") is None
    await forger.set("a", b"forged", 60)
    assert await cache.get_or_compute("a", 60, _answer) == b"computed"
    assert await cache.get("a") == b"computed"
    assert await cache.get("b") == b"2"
    await client.aclose()
    await cache.close()
    await forger.close()


@pytest.mark.redis
async def test_a_key_of_another_kind_costs_itself_alone(
    redis_url: str, metrics: Metrics, clock: ManualClock
) -> None:
    cache = RedisCache(redis_url, metrics, clock)
    await cache.set("b", b"2", 60)
    client = Redis.from_url(redis_url)
    await client.rpush("openride:cache:a", "x")  # type: ignore[misc]
    assert await cache.get("a") is None
    assert await cache.get("b") == b"2", "Redis answers: it is not left alone"
    assert await cache.get_or_compute("a", 60, _answer) == b"computed"
    assert await cache.get("a") == b"computed"
    await client.aclose()
    await cache.close()


@pytest.mark.parametrize(
    "answer", [b"$abc\r\n", b":x\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*1\r\n" * 2000]
)
async def test_what_is_no_redis_at_all_costs_a_computation(
    metrics: Metrics, clock: ManualClock, answer: bytes
) -> None:
    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(stranger, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        cache = RedisCache(f"redis://127.0.0.1:{port}/0", metrics, clock)
        assert await cache.get_or_compute("a", 60, _answer) == b"computed"
        await cache.close()


def test_the_settings_choose(metrics: Metrics) -> None:
    here = Settings(_env_file=None)
    shared = Settings(_env_file=None, redis_url="redis://127.0.0.1:1/0")
    assert isinstance(open_cache(here, metrics, SystemClock()), InProcessCache)
    assert isinstance(open_cache(shared, metrics, SystemClock()), RedisCache)
    with pytest.raises(ConfigurationError, match="OPENRIDE_REDIS_URL"):
        open_cache(Settings(_env_file=None, redis_url="nonsense"), metrics, SystemClock())

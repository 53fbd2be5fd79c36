"""`openride bench query`: a history, a worker without a cache, one with, and how soon each answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from bench.feed import Feed
from bench.query.asking import ask, quantiles_ms
from bench.query.history import fill
from bench.query.naive import compared
from bench.query.questions import dashboards, in_turn, questions
from bench.serving import Answers, by_path, serving
from bench.soak import pieces
from bench.stage import Stage, open_stage
from openride_stream.clickhouse.preaggregations import ALL, MERGED
from openride_stream.clickhouse.reader import Reader
from openride_stream.errors import Fatal

_SESSION_TIMEOUT_S: Final = 10.0
_READ_WITHIN_S: Final = 300.0
_BUILT_WITHIN_S: Final = 3_600.0
_MERGED_WITHIN_S: Final = 600.0
_IDLE_S: Final = 5.0
_POLL_S: Final = 1.0
_MANY_CLIENTS: Final = 50
_INGESTED_PER_S: Final = 10_000
_MOST_INGESTED: Final = 10_000_000
_NO_CACHE: Final = {"OPENRIDE_CACHE_TTL_S": "0", "OPENRIDE_CACHE_TTL_ANALYTICS_S": "0"}
_ROUNDS_AT_ONCE: Final = {"OPENRIDE_PREAGGREGATION_INTERVAL_S": "2"}


async def run(events: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """The object that `--json` prints.

    Raises:
        Fatal: the worker ended, or an answer was none.
    """
    now = datetime.now(UTC)
    async with open_stage(_SESSION_TIMEOUT_S) as stage:
        rows = await fill(stage.store, events, int(now.timestamp() * 1000), tell)
        tell(f"{rows:,} events stored")
        asked = questions(now)
        async with serving(stage, _ROUNDS_AT_ONCE):
            await _until_built(stage, tell)
            await _until_merged(stage, tell)
        async with serving(stage, _NO_CACHE) as url:
            cold = await by_path(url, in_turn([*asked.values()]), 1)
            tell("asked by one client, nothing kept")
            crowded = await by_path(url, in_turn([*asked.values()]), _MANY_CLIENTS)
            tell(f"asked by {_MANY_CLIENTS} clients, nothing kept")
            naive = await compared(stage.store, url, now, tell)
            async with _ingesting(stage):
                busy = await by_path(url, in_turn([*asked.values()]), 1)
            tell(f"asked while {_INGESTED_PER_S:,} events a second came in, nothing kept")
        async with serving(stage, {}) as url:
            await _until_read(url)
            await ask(url, in_turn([*asked.values()]), 1)
            warm = await by_path(url, in_turn([*asked.values()]), 1)
            warm_crowded = await by_path(url, in_turn([*asked.values()]), _MANY_CLIENTS)
            tell("asked again, from the cache")
        async with serving(stage, {}) as url:
            mix = await ask(url, dashboards(now), 8)
    others = {
        "warm_p95_ms": warm,
        "cold_p95_ms_50_clients": crowded,
        "cold_p95_ms_ingesting": busy,
        "warm_p95_ms_50_clients": warm_crowded,
    }
    rate = sum(answer.hit for answer in mix) / len(mix)
    return {
        "events": rows,
        "rows": [_row(path, cold, others) for path in asked],
        "naive": naive,
        "cache_hit_rate": round(rate, 3),
    }


def _row(path: str, cold: Answers, others: Mapping[str, Answers]) -> dict[str, Any]:
    """`others` are the answers of each further column."""
    p50, p95, p99 = quantiles_ms(cold[path])
    more = {name: quantiles_ms(answers[path])[1] for name, answers in others.items()}
    return {"name": path, "cold_p50_ms": p50, "cold_p95_ms": p95, "cold_p99_ms": p99, **more}


@asynccontextmanager
async def _ingesting(stage: Stage) -> AsyncIterator[None]:
    """Events of now come in, and the worker that answers stores them."""

    async def send(feed: Feed) -> None:
        for piece in pieces(_MOST_INGESTED):
            await feed.send_at_rate(piece, _INGESTED_PER_S)

    async with Feed.open(stage.settings) as feed:
        sending = asyncio.create_task(send(feed))
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _until_read(url: str) -> None:
    """Return when nothing waits any more: what is stored meanwhile is a reason to answer anew."""
    async with aiohttp.ClientSession(url) as session:
        began_s = time.monotonic()
        while True:
            async with session.get("/v1/metrics/realtime") as answer:
                if not (await answer.json())["consumer_lag"]:
                    return
            if time.monotonic() - began_s > _READ_WITHIN_S:
                message = "what came in was not read"
                raise Fatal(message)
            await asyncio.sleep(_POLL_S)


async def _until_merged(stage: Stage, tell: Callable[[str], None]) -> None:
    """Return when the store merges no parts any more: half a year came in within minutes, as no day does."""
    began_s = idle_since_s = time.monotonic()
    while time.monotonic() - idle_since_s < _IDLE_S:
        if await stage.store.select("SELECT 1 AS one FROM system.merges LIMIT 1"):
            idle_since_s = time.monotonic()
        if time.monotonic() - began_s > _MERGED_WITHIN_S:
            message = "the store does not come to rest"
            raise Fatal(message)
        await asyncio.sleep(_POLL_S)
    tell(f"the store has come to rest within {time.monotonic() - began_s - _IDLE_S:.0f} s")


async def _until_built(stage: Stage, tell: Callable[[str], None]) -> None:
    """Return when rounds have built every day that the history touched."""
    began_s, reader = time.monotonic(), Reader(stage.store)
    while True:
        states = await reader.states((*ALL, *MERGED), 0, 65_535)
        left = sum(not state.clean for of_one in states.values() for state in of_one)
        if not left:
            tell(f"days built within {time.monotonic() - began_s:.0f} s")
            return
        if time.monotonic() - began_s > _BUILT_WITHIN_S:
            message = f"{left} days were not built: {stage.log_tail('peer')}"
            raise Fatal(message)
        await asyncio.sleep(_POLL_S)

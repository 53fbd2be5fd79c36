"""`GET /v1/realtime/ingest` and `…/queue-times`: how events come in and how long schedules wait."""

from collections.abc import Hashable
from dataclasses import asdict
from typing import Any, Final

from openride_stream.api.live import Ingest, LiveQueueTimes
from openride_stream.clickhouse.queries.dead_letters import dead_lettered
from openride_stream.clock import rfc3339
from openride_stream.errors import StoreRefused, StoreUnavailable
from tables.came_in import came_in
from tables.realtime import rounded, waits_by_tier
from tables.series import HOUR_MS
from web.context import Context
from web.endpoint import Endpoint, NoParameters
from web.lately import Lately, moment

_FRESH_S: Final = 1.0
_STORE_TIMEOUT_S: Final = 1.0
_SHARES: Final = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


async def _ingest(context: Context, query: NoParameters) -> dict[str, Any]:
    del query
    now_ms, freshness, health = await moment(context)
    found = map(asdict, came_in(context.live.state, now_ms, context.live.known_since_ms))
    listed = [{"timestamp": rfc3339(one.pop("start_ms")), **one} for one in found]
    return {
        **freshness,
        "system_health": health.level,
        "reasons": health.reasons,
        "rejected_last_hour": await _rejected(context, now_ms),
        "minutes": listed,
    }


async def _rejected(context: Context, now_ms: int) -> int | None:
    """Dead letters of the last hour; None where the store does not tell: live answers do not wait."""
    runtime = context.runtime
    if not runtime.sink.available:
        return None
    try:
        return await dead_lettered(runtime.store, now_ms - HOUR_MS, timeout_s=_STORE_TIMEOUT_S)
    except (StoreUnavailable, StoreRefused):
        return None


async def _queue_times(context: Context, query: NoParameters) -> dict[str, Any]:
    del query
    now_ms, freshness, health = await moment(context)
    context.live.state.settle(now_ms)
    tiers = [
        {
            "tier": tier,
            "count": sketch.count,
            **dict(zip(_SHARES, map(rounded, sketch.quantiles_ms(*_SHARES.values())), strict=True)),
        }
        for tier, sketch in waits_by_tier(context.live.state, now_ms).items()
    ]
    return {**freshness, "system_health": health.level, "reasons": health.reasons, "tiers": tiers}


def _the_one(context: Context, query: NoParameters) -> Hashable:
    del context, query
    return None


_LATELY: Final = {
    "timestamp": "2026-11-22T09:00:04.120Z",
    "as_of": "2026-11-22T09:00:03.902Z",
    "system_health": "healthy",
    "reasons": [],
}


def endpoints() -> tuple[Endpoint, ...]:
    """Each with answers of its own that are good for a moment."""
    return (
        Endpoint(
            "GET",
            "/v1/realtime/ingest",
            "viewer",
            "What came in during each of the last sixty minutes, over all topics, and how late.",
            Lately(_the_one, _ingest, _FRESH_S).answer,
            response=Ingest,
            example={
                **_LATELY,
                "rejected_last_hour": 2,
                "minutes": [
                    {
                        "timestamp": "2026-11-22T09:00:00.000Z",
                        "events": 481,
                        "late_p50_ms": 12.0,
                        "late_p95_ms": 1808.2,
                        "late_p99_ms": 30102.7,
                    }
                ],
            },
        ),
        Endpoint(
            "GET",
            "/v1/realtime/queue-times",
            "viewer",
            "How long schedule executions of the last hour waited in their tier's queue.",
            Lately(_the_one, _queue_times, _FRESH_S).answer,
            response=LiveQueueTimes,
            example={
                **_LATELY,
                "tiers": [
                    {
                        "tier": "mongo_periodic",
                        "count": 60,
                        "p50_ms": 812.07,
                        "p95_ms": 2310.5,
                        "p99_ms": 2604.1,
                    },
                    {
                        "tier": "clickhouse_delayed",
                        "count": 240,
                        "p50_ms": 95.0,
                        "p95_ms": 410.2,
                        "p99_ms": 622.9,
                    },
                    {"tier": "redis_immediate", "count": 1890, "p50_ms": 3.0, "p95_ms": 11.0, "p99_ms": 40.0},
                ],
            },
        ),
    )

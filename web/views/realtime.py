"""`GET /v1/metrics/realtime`: the last hour over all workers, from the live tables."""

from dataclasses import asdict
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from openride_stream.api.realtime import Realtime
from tables.realtime import currencies_paid
from tables.series import code_of
from web.context import Context
from web.endpoint import Endpoint
from web.lately import FRESH_S, Lately, moment
from web.push import as_server_sent_events, over_websocket

_UPGRADE: Final = {
    101: "The connection is a WebSocket from here on.",
    426: "The request asks for no upgrade.",
}
# No currency has this code.
_UNPAID: Final = ""


class RealtimeQuery(BaseModel):
    """What may be asked of the realtime figures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str | None = Field(
        None,
        pattern=r"^[A-Z]{3}$",
        description="ISO 4217 code that revenue is summed in. Default: OPENRIDE_CURRENCY.",
    )


async def _answer(context: Context, query: RealtimeQuery) -> dict[str, Any]:
    now_ms, freshness, health = await moment(context)
    return {
        **freshness,
        **asdict(context.live.figures(now_ms, _currency(context, query))),
        "consumer_lag": health.consumer_lag,
        "system_health": health.level,
        "reasons": health.reasons,
    }


def _currency(context: Context, query: RealtimeQuery) -> str:
    return query.currency or context.settings.currency


class _Looks:
    """Which answer a question has: those in whose currencies nothing was paid have one together."""

    def __init__(self) -> None:
        self._paid: tuple[float, frozenset[int]] = (float("-inf"), frozenset())

    def __call__(self, context: Context, query: RealtimeQuery) -> str:
        currency = _currency(context, query)
        if currency == context.settings.currency or code_of(currency) in self._codes(context):
            return currency
        return _UNPAID

    def _codes(self, context: Context) -> frozenset[int]:
        now_s = context.clock.monotonic_s()
        seen_s, codes = self._paid
        if now_s - seen_s >= FRESH_S:
            codes = currencies_paid(context.live.state, context.clock.now_ms())
            self._paid = (now_s, codes)
        return codes


_EXAMPLE: Final = {
    "timestamp": "2026-11-22T09:00:04.120Z",
    "as_of": "2026-11-22T09:00:03.902Z",
    "active_users": 912,
    "active_drivers": 214,
    "active_trips": 187,
    "bookings_last_hour": 431,
    "revenue_last_hour": "1858700.50",
    "avg_wait_time_minutes": 4.37,
    "queue_times": {
        "mongo_periodic": {"count": 60, "p50_ms": 812.0, "p95_ms": 2310.5},
        "clickhouse_delayed": {"count": 240, "p50_ms": 95.0, "p95_ms": 410.0},
        "redis_immediate": {"count": 1890, "p50_ms": 3.0, "p95_ms": 11.25},
    },
    "events_per_second": 118.4,
    "consumer_lag": 12,
    "system_health": "healthy",
    "reasons": [],
}


def endpoints() -> tuple[Endpoint, ...]:
    """Asked for, or pushed; all from the same answers."""
    looks = _Looks()
    lately = Lately(looks, _answer)
    return (
        Endpoint(
            "GET",
            "/v1/metrics/realtime",
            "viewer",
            "Now: who is active, trips under way, the last hour's bookings and revenue, queue times, health.",
            lately.answer,
            request=RealtimeQuery,
            response=Realtime,
            example=_EXAMPLE,
        ),
        Endpoint(
            "GET",
            "/v1/metrics/realtime/ws",
            "viewer",
            "The same as a WebSocket: one JSON object a text message, once a second at most.",
            lately.answer,
            request=RealtimeQuery,
            others=_UPGRADE,
            push=over_websocket(lately.answer, looks),
        ),
        Endpoint(
            "GET",
            "/v1/metrics/realtime/sse",
            "viewer",
            "The same as server-sent events: one JSON object an event, once a second at most.",
            lately.answer,
            request=RealtimeQuery,
            content_type="text/event-stream",
            push=as_server_sent_events(lately.answer, looks),
        ),
    )

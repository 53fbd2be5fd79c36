"""Gauges of how well the scheduler is, for alerts: what `GET /v1/schedule-analytics/health/system` says."""

import asyncio
import logging
from typing import Final

from openride_stream.clickhouse.queries.schedules.health import Thresholds, tier_states
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import Span
from openride_stream.clickhouse.queries.schedules.stuck import looked_back_ms
from openride_stream.errors import OpenRideError
from web.context import Context, WebRuntime

logger = logging.getLogger(__name__)

_TIMEOUT_S: Final = 5.0
_FRESH_S: Final = 60.0
_HOURS: Final = 1


class SchedulerGauges:
    """Asked for when they are scraped, and no more often than every minute."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._asked_s = float("-inf")

    async def measure(self, context: Context) -> None:
        """Bring the gauges up to date; a store that is away leaves them as they were."""
        limits = context.metrics.schedule_queue_limit_seconds
        limits.labels("degraded").set(context.settings.schedule_degraded_queue_p95_ms / 1000)
        limits.labels("critical").set(context.settings.schedule_critical_queue_p95_ms / 1000)
        runtime = context.current()
        if runtime is None:
            return
        async with self._lock:
            now_s = runtime.clock.monotonic_s()
            if now_s - self._asked_s < _FRESH_S:
                return
            self._asked_s = now_s
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await _ask(context, runtime)
            except (OpenRideError, TimeoutError) as error:
                why = str(error) or type(error).__name__
                logger.warning("Health of the scheduler not read", extra={"error": why})


async def _ask(context: Context, runtime: WebRuntime) -> None:
    now_ms = runtime.clock.now_ms()
    span = Span.back(now_ms, _HOURS)
    since_ms = looked_back_ms(now_ms, context.settings.schedule_stuck_days)
    source = await Source.of(runtime.store, runtime.hours, since_ms, now_ms)
    states = await tier_states(source, span, now_ms, Thresholds.of(context.settings))
    metrics = context.metrics
    for tier, state in states.items():
        metrics.schedule_tier_degraded.labels(tier).set(state.status != "healthy")
        metrics.schedule_tier_critical.labels(tier).set(state.status == "critical")
        metrics.schedule_stuck_schedules.labels(tier).set(state.stuck)

"""`GET /v1/schedule-analytics/health/system`: the scheduler as a whole, and how well it is."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openride_stream.clickhouse.queries.schedules.chains import end_to_end
from openride_stream.clickhouse.queries.schedules.patterns import error_patterns
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import Span
from openride_stream.clickhouse.queries.schedules.stats import statistics
from openride_stream.clickhouse.queries.schedules.stuck import stuck_schedules
from openride_stream.clickhouse.queries.schedules.tiers import by_tier, tier_figures
from openride_stream.settings import Settings

PATTERNS_SHOWN: Final = 10
_WORSE: Final = ("healthy", "degraded", "critical")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a tier is degraded, and critical: per cent, milliseconds, usual gaps, days."""

    degraded_success_rate: float
    critical_success_rate: float
    degraded_queue_p95_ms: int
    critical_queue_p95_ms: int
    stuck_intervals: float
    stuck_days: int

    @classmethod
    def of(cls, settings: Settings) -> "Thresholds":
        """Those of the settings."""
        return cls(
            settings.schedule_degraded_success_rate,
            settings.schedule_critical_success_rate,
            settings.schedule_degraded_queue_p95_ms,
            settings.schedule_critical_queue_p95_ms,
            settings.schedule_stuck_intervals,
            settings.schedule_stuck_days,
        )


async def system_health(source: Source, span: Span, now_ms: int, thresholds: Thresholds) -> dict[str, Any]:
    """Figures of the span, and the verdict on each tier and on all; `now_ms` is for what is overdue."""
    rows, patterns, stuck, way = await asyncio.gather(
        by_tier(source, span),
        error_patterns(source, span, limit=PATTERNS_SHOWN),
        stuck_schedules(source, now_ms, thresholds.stuck_intervals, thresholds.stuck_days),
        end_to_end(source, span),
    )
    tiers = {
        tier: {**figures, **verdict(figures, _of_tier(stuck, tier), thresholds)}
        for tier, figures in tier_figures(rows).items()
    }
    status, reasons = worst(tiers)
    return {
        "status": status,
        "reasons": reasons,
        "time_range": span.told(),
        "overall": statistics(rows, patterns, span),
        "error_patterns": patterns,
        "tiers": tiers,
        "stuck_schedules": stuck,
        "end_to_end": way,
    }


@dataclass(frozen=True, slots=True)
class TierState:
    """The verdict on a tier, and how many of its schedules are stuck."""

    status: str
    stuck: int


async def tier_states(
    source: Source, span: Span, now_ms: int, thresholds: Thresholds
) -> dict[str, TierState]:
    """How well each tier is, by its name: the verdicts of `system_health` without all the rest."""
    rows, stuck = await asyncio.gather(
        by_tier(source, span),
        stuck_schedules(source, now_ms, thresholds.stuck_intervals, thresholds.stuck_days),
    )
    found = {}
    for tier, figures in tier_figures(rows).items():
        missing = _of_tier(stuck, tier)
        found[tier] = TierState(verdict(figures, missing, thresholds)["status"], missing)
    return found


def verdict(figures: Mapping[str, Any], stuck: int, thresholds: Thresholds) -> dict[str, Any]:
    """`status` and `reasons` of a tier; one without executions is healthy unless some of it are stuck."""
    status, reasons = 0, []
    ended = figures["success_count"] + figures["failure_count"]
    if ended and figures["success_rate"] < thresholds.degraded_success_rate:
        critical = figures["success_rate"] < thresholds.critical_success_rate
        limit = thresholds.critical_success_rate if critical else thresholds.degraded_success_rate
        status = 2 if critical else 1
        reasons.append(f"success_rate is {figures['success_rate']:g} %, below {limit:g}")
    waited = figures["queue_time"]["p95_ms"]
    if waited > thresholds.degraded_queue_p95_ms:
        critical = waited > thresholds.critical_queue_p95_ms
        beyond = thresholds.critical_queue_p95_ms if critical else thresholds.degraded_queue_p95_ms
        status = max(status, 2 if critical else 1)
        reasons.append(f"95 % wait up to {waited:g} ms in the queue, above {beyond}")
    if stuck:
        status = max(status, 1)
        reasons.append(f"{stuck} schedule{'' if stuck == 1 else 's'} expected and not seen")
    return {"status": _WORSE[status], "reasons": reasons}


def worst(tiers: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[str]]:
    """The status of the worst tier, and why each that is not healthy is not."""
    status = max((tier["status"] for tier in tiers.values()), key=_WORSE.index, default=_WORSE[0])
    return status, [f"{name}: {reason}" for name, tier in tiers.items() for reason in tier["reasons"]]


def _of_tier(stuck: Sequence[Mapping[str, Any]], tier: str) -> int:
    return sum(each["schedule_type"] == tier for each in stuck)

"""Answers of schedule figures as the documentation shows them."""

from typing import Any, Final

from web.views.schedules import EXECUTION

_RANGE: Final = {"start_time": "2026-03-02T06:01:00.000Z", "end_time": "2026-03-02T07:01:00.000Z"}


def _durations(count: int, p50: float, p95: float, p99: float, longest: int) -> dict[str, Any]:
    return {
        "count": count,
        "avg_ms": p50,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "max_ms": longest,
    }


_MONGO: Final = _durations(60, 1_500.0, 2_890.5, 2_970.0, 2_981)
_CLICKHOUSE: Final = _durations(60, 5_020.5, 8_612.0, 8_920.0, 8_934)
_REDIS: Final = _durations(62, 84.0, 361.5, 540.0, 612)
_PROCESSING: Final = _durations(60, 76.0, 142.0, 148.41, 149)
QUEUE_TIMES: Final = {
    "time_range": _RANGE,
    "tiers": {"mongo_periodic": _MONGO, "clickhouse_delayed": _CLICKHOUSE, "redis_immediate": _REDIS},
}
STATISTICS: Final = {
    "total_records": 182,
    "info_count": 179,
    "warning_count": 2,
    "error_count": 1,
    "avg_execution_time_ms": 102.61,
    "avg_queue_time_ms": {"mongo_periodic": 1500.0, "clickhouse_delayed": 5020.5, "redis_immediate": 84.0},
    "success_rate": 99.44,
    "throughput_per_hour": 182.0,
    "most_common_errors": [
        {
            "pattern": "no answer of push-gateway within <n> ms",
            "count": 1,
            "example": "no answer of push-gateway within 5000 ms",
        }
    ],
}
_PATTERN: Final = {
    "pattern": "no answer of push-gateway within <n> ms",
    "count": 1,
    "previous_count": 4,
    "change_percent": -75.0,
    "first_seen": "2026-03-02T07:00:00.120Z",
    "last_seen": "2026-03-02T07:00:00.120Z",
    "tiers": ["redis_immediate"],
    "schedules": 1,
    "example": "no answer of push-gateway within 5000 ms",
}
ERRORS: Final = {
    "total_errors": 1,
    "error_types": {"timeout": 1},
    "schedule_errors": {"departure-reminder": 1},
    "patterns": [_PATTERN],
    "time_range": _RANGE,
}


def _tier(total: int, failed: int, retries: int, queue: dict[str, Any]) -> dict[str, Any]:
    succeeded = total - failed - retries
    return {
        "total_records": total,
        "success_count": succeeded,
        "failure_count": failed,
        "success_rate": round(100 * succeeded / (succeeded + failed), 2),
        "error_count": failed,
        "retries": retries,
        "queue_time": queue,
        "processing_time": _PROCESSING,
    }


_TIERS: Final = {
    "mongo_periodic": _tier(60, 0, 0, _MONGO),
    "clickhouse_delayed": _tier(60, 0, 0, _CLICKHOUSE),
    "redis_immediate": _tier(62, 1, 2, _REDIS),
}
PERFORMANCE: Final = {
    "schedule_id": "departure-reminder",
    "time_range": _RANGE,
    "total_records": 182,
    "success_rate": 99.44,
    "error_count": 1,
    "retries": 2,
    "max_retry_count": 2,
    "drift": _durations(182, 4_100.0, 9_900.0, 12_100.5, 19_120),
    "tiers": _TIERS,
    "recent_errors": [EXECUTION],
    "time_series": [
        {
            "timestamp": "2026-03-02T06:00:00.000Z",
            "total_records": 179,
            "error_count": 0,
            "success_rate": 100.0,
            "avg_execution_time_ms": 75.27,
        },
        {
            "timestamp": "2026-03-02T07:00:00.000Z",
            "total_records": 3,
            "error_count": 1,
            "success_rate": 66.67,
            "avg_execution_time_ms": 1733.33,
        },
    ],
}
_WELL: Final = {"status": "healthy", "reasons": []}
_STUCK: Final = {"status": "degraded", "reasons": ["1 schedule expected and not seen"]}
HEALTH: Final = {
    "status": "degraded",
    "reasons": ["mongo_periodic: 1 schedule expected and not seen"],
    "time_range": _RANGE,
    "overall": STATISTICS,
    "error_patterns": [_PATTERN],
    "tiers": {
        tier: {**figures, **(_STUCK if tier == "mongo_periodic" else _WELL)}
        for tier, figures in _TIERS.items()
    },
    "stuck_schedules": [
        {
            "schedule_id": "driver-payouts",
            "schedule_name": "driver payouts",
            "schedule_type": "mongo_periodic",
            "last_scheduled_at": "2026-03-02T06:51:20.000Z",
            "expected_every_ms": 60_000.0,
            "silent_ms": 568_113,
            "last_node": "scheduler-3",
        }
    ],
    "end_to_end": {
        "chains": 62,
        "total_time": _durations(60, 6_730.0, 11_120.0, 19_030.0, 24_120),
        "hops": {
            "mongo_periodic": _MONGO,
            "clickhouse_delayed": _CLICKHOUSE,
            "redis_immediate": _REDIS,
            "execution": _PROCESSING,
        },
        "slowest_hop": "clickhouse_delayed",
    },
}

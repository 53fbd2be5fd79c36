"""The verdict on a tier goes by the thresholds of the settings."""

from typing import Any

import pytest

from openride_stream.clickhouse.queries.schedules.health import Thresholds, verdict
from openride_stream.settings import Settings

FIGURES: dict[str, Any] = {
    "success_count": 90,
    "failure_count": 10,
    "success_rate": 90.0,
    "queue_time": {"p95_ms": 1_000.0},
}


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, "degraded"),  # 90 % is below 95
        ({"schedule_degraded_success_rate": 90}, "healthy"),
        ({"schedule_critical_success_rate": 91}, "critical"),
        ({"schedule_degraded_success_rate": 90, "schedule_degraded_queue_p95_ms": 999}, "degraded"),
        ({"schedule_degraded_queue_p95_ms": 998, "schedule_critical_queue_p95_ms": 999}, "critical"),
    ],
)
def test_thresholds_are_those_of_the_settings(given: dict[str, Any], status: str) -> None:
    thresholds = Thresholds.of(Settings(_env_file=None, pii_key="k", **given))
    found = verdict(FIGURES, 0, thresholds)
    assert found["status"] == status
    assert bool(found["reasons"]) == (status != "healthy")

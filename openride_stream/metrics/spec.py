"""What a Prometheus metric is declared by."""

from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "openride_"

Kind = Literal["counter", "gauge", "histogram"]
Unit = Literal[
    "records",
    "bytes",
    "keys",
    "events",
    "rows",
    "requests",
    "retries",
    "seconds",
    "days",
    "partitions",
    "exports",
    "reports",
    "schedules",
    "boolean",
    "deviations",
]

SLOW_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds of what stores and rounds take."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric: `name` carries no prefix; `buckets` are upper bounds in `unit`, for histograms only."""

    name: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """The name that Prometheus sees."""
        return PREFIX + self.name

"""Settings of schedule analytics: from where on the scheduler is not well."""

from pydantic import BaseModel, Field


class ScheduleSettings(BaseModel):
    """Thresholds of `GET /v1/schedule-analytics/health/system`, and when old executions go."""

    schedule_cleanup_days: int = Field(
        0,
        ge=0,
        le=365,
        description="Once a UTC day executions of schedules that are older than so many UTC days go; 0: none "
        "but those whose retention is over.",
    )

    schedule_degraded_success_rate: float = Field(
        95.0, ge=0, le=100, description="A tier of the scheduler whose success rate (%) is lower is degraded."
    )
    schedule_critical_success_rate: float = Field(
        80.0, ge=0, le=100, description="A tier whose success rate (%) is lower is critical."
    )
    schedule_degraded_queue_p95_ms: int = Field(
        30_000, ge=0, description="A tier where more than 5 % of executions wait longer is degraded."
    )
    schedule_critical_queue_p95_ms: int = Field(
        300_000, ge=0, description="A tier where more than 5 % of executions wait longer is critical."
    )
    schedule_stuck_intervals: float = Field(
        3.0,
        ge=1,
        le=1_000,
        description="A schedule that was due at regular times is stuck when it was not for this many of its "
        "usual gaps, and for a minute.",
    )
    schedule_stuck_days: int = Field(
        14,
        ge=1,
        le=90,
        description="How many days a schedule is remembered by: one that is over for good counts as stuck "
        "until then.",
    )

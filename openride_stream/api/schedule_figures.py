"""What the endpoints of schedule figures answer."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from openride_stream.api.choices import ScheduleTier
from openride_stream.api.fields import Answer, Moment, average, percentage
from openride_stream.api.fields import count as number
from openride_stream.api.frames import table_of
from openride_stream.api.schedules import Execution

if TYPE_CHECKING:
    from pandas import DataFrame


class TimeRange(Answer):
    """Executions whose processing started in [start_time, end_time)."""

    start_time: Moment = Field(description="Included.")
    end_time: Moment = Field(description="Not included.")


class Durations(Answer):
    """Milliseconds; quantiles are exact and linearly interpolated. All 0 of nothing."""

    count: int = number("Distinct executions (or chains) that have it.")
    avg_ms: float = Field(description="Mean, milliseconds.")
    p50_ms: float = Field(description="Median, milliseconds.")
    p95_ms: float = Field(description="95 % are at most this, milliseconds.")
    p99_ms: float = Field(description="99 % are at most this, milliseconds.")
    max_ms: int = Field(description="The longest, milliseconds.")


class QueueTimes(Answer):
    """`GET /v1/schedule-analytics/queue-times`."""

    time_range: TimeRange = Field(description="What is covered.")
    tiers: dict[ScheduleTier, Durations] = Field(
        description="By tier: how long executions waited in its own queue, of those that say it."
    )


class CommonError(Answer):
    """A pattern among the most frequent ones."""

    pattern: str = Field(description="Message with its variable parts masked.")
    count: int = number("Executions of level error that have it.")
    example: str = Field(description="The newest message of it.")


class Statistics(Answer):
    """`GET /v1/schedule-analytics/stats`: distinct executions, by what they are now."""

    total_records: int = number("Distinct executions.")
    info_count: int = number("Those of level info.")
    warning_count: int = number("Those of level warning.")
    error_count: int = number("Those of level error.")
    avg_execution_time_ms: float = average("Mean of total_processing_time_ms, milliseconds.")
    avg_queue_time_ms: dict[ScheduleTier, float] = Field(
        description="By tier: mean time in its own queue, milliseconds, of executions that say it."
    )
    success_rate: float = percentage("success ÷ (success + failure + timeout)")
    throughput_per_hour: float = average("Executions an hour.")
    most_common_errors: list[CommonError] = Field(description="The ten most frequent patterns.")


class ErrorPattern(Answer):
    """Messages of executions of level error that differ in variable parts only."""

    pattern: str = Field(description="Message with its variable parts masked, its first 500 characters.")
    count: int = number("Executions that have it.")
    previous_count: int = number("Those in the time before that is as long.")
    change_percent: float | None = Field(
        description="Per cent more (or, negative, fewer) than before; null when there were none before."
    )
    first_seen: Moment = Field(description="Start of the first one in the range.")
    last_seen: Moment = Field(description="Start of the last one in the range.")
    tiers: list[ScheduleTier] = Field(description="Tiers that have it, by name.")
    schedules: int = number("Distinct schedules that have it.")
    example: str = Field(description="The newest message of it.")


class ErrorPatterns(Answer):
    """`GET /v1/schedule-analytics/errors/patterns`: executions of level error."""

    total_errors: int = number("Distinct executions of level error.")
    error_types: dict[str, int] = Field(description="How many by execution_result, the most frequent first.")
    schedule_errors: dict[str, int] = Field(
        description="How many by schedule_id, the 100 schedules that have most."
    )
    patterns: list[ErrorPattern] = Field(description="The 50 most frequent ones, then by their text.")
    time_range: TimeRange = Field(description="What is covered.")

    def to_dataframe(self) -> "DataFrame":
        """A row a pattern in the order of the answer, the fields of `ErrorPattern` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(ErrorPattern, self.patterns)


class TierFigures(Answer):
    """Executions of one tier."""

    total_records: int = number("Distinct executions.")
    success_count: int = number("Those that succeeded.")
    failure_count: int = number("Those that failed or timed out.")
    success_rate: float = percentage("success_count ÷ (success_count + failure_count)")
    error_count: int = number("Those of level error.")
    retries: int = number("Those that are to be tried again: execution_result is retry.")
    queue_time: Durations = Field(description="Time in the tier's own queue, of executions that say it.")
    processing_time: Durations = Field(description="total_processing_time_ms.")


class HourlyFigures(Answer):
    """One UTC hour; the first and the last are cut to the range."""

    timestamp: Moment = Field(description="The hour's beginning.")
    total_records: int = number("Distinct executions.")
    error_count: int = number("Those of level error.")
    success_rate: float = percentage("success ÷ (success + failure + timeout)")
    avg_execution_time_ms: float = average("Mean of total_processing_time_ms, milliseconds.")


class SchedulePerformance(Answer):
    """`GET /v1/schedule-analytics/performance/schedule/{schedule_id}`."""

    schedule_id: str = Field(description="As asked.")
    time_range: TimeRange = Field(description="What is covered.")
    total_records: int = number("Distinct executions.")
    success_rate: float = percentage("success ÷ (success + failure + timeout)")
    error_count: int = number("Those of level error.")
    retries: int = number("Those that are to be tried again: execution_result is retry.")
    max_retry_count: int = number("The largest retry_count.")
    drift: Durations = Field(
        description="started_processing_at − scheduled_at; negative when it started early."
    )
    tiers: dict[ScheduleTier, TierFigures] = Field(description="By tier.")
    recent_errors: list[Execution] = Field(description="The ten newest of level error.")
    time_series: list[HourlyFigures] = Field(description="Every hour of the range.")

    def time_series_to_dataframe(self) -> "DataFrame":
        """A row an hour, the fields of `HourlyFigures` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(HourlyFigures, self.time_series)


Status = Literal["healthy", "degraded", "critical"]


class TierHealth(TierFigures):
    """Executions of one tier, and how well it is."""

    status: Status = Field(description="By the thresholds of the settings (OPENRIDE_SCHEDULE_…).")
    reasons: list[str] = Field(description="Why it is not healthy; empty when it is.")


class StuckSchedule(Answer):
    """A schedule that was due regularly and was not seen for several of its usual gaps."""

    schedule_id: str = Field(description="The schedule.")
    schedule_name: str | None = Field(description="Its name, for people.")
    schedule_type: ScheduleTier = Field(description="Tier of its last execution.")
    last_scheduled_at: Moment = Field(description="When it was last due.")
    expected_every_ms: float = average("Median gap between two times at which it was due, milliseconds.")
    silent_ms: int = Field(description="Milliseconds since it was last due.")
    last_node: str | None = Field(description="Node of its last execution.")


class EndToEnd(Answer):
    """The way over the tiers of executions that share a correlation_id."""

    chains: int = number("Distinct correlation_ids.")
    total_time: Durations = Field(
        description="From the first scheduled_at to the last completed_at of redis_immediate, of chains that "
        "passed all three tiers in the range."
    )
    hops: dict[str, Durations] = Field(
        description="In parts: `mongo_periodic` (due until it starts there), `clickhouse_delayed` and "
        "`redis_immediate` (from the start before until the start there), `execution` (from there to the "
        "end, retries too)."
    )
    slowest_hop: str | None = Field(description="The part with the largest p95_ms; null without chains.")


class ScheduleSystemHealth(Answer):
    """`GET /v1/schedule-analytics/health/system`."""

    status: Status = Field(description="That of the tier that is worst.")
    reasons: list[str] = Field(description="Why it is not healthy, tier by tier.")
    time_range: TimeRange = Field(description="What is covered.")
    overall: Statistics = Field(description="As `GET /v1/schedule-analytics/stats`.")
    error_patterns: list[ErrorPattern] = Field(description="The ten most frequent ones.")
    tiers: dict[ScheduleTier, TierHealth] = Field(description="By tier.")
    stuck_schedules: list[StuckSchedule] = Field(
        description="Expected and not seen, the longest silent first, at most 100."
    )
    end_to_end: EndToEnd = Field(description="From due to done, over the tiers.")

"""What a parameter may be chosen from."""

from typing import Literal

Granularity = Literal["hourly", "daily", "weekly", "monthly"]
CohortType = Literal["daily", "weekly", "monthly"]
UserType = Literal["all", "rider", "driver"]
DriverOrder = Literal["earnings", "trips"]
GeographicMetric = Literal["bookings", "revenue", "users"]
TrendMetric = Literal[
    "bookings_created",
    "bookings_confirmed",
    "revenue",
    "trips_completed",
    "active_users",
    "active_drivers",
    "registrations",
    "payment_success_rate",
    "avg_trip_duration",
]
SourceTopic = Literal[
    "openride.events.user",
    "openride.events.booking",
    "openride.events.payment",
    "openride.events.trip",
    "openride.events.route",
    "openride.events.location",
    "openride.schedules.mongo",
    "openride.schedules.clickhouse",
    "openride.schedules.redis",
]
ScheduleTier = Literal["mongo_periodic", "clickhouse_delayed", "redis_immediate"]
ScheduleLevel = Literal["info", "warning", "error"]
ExecutionResult = Literal["success", "failure", "timeout", "cancelled", "retry"]

ExportFormat = Literal["csv", "excel", "parquet"]
ExportState = Literal["pending", "processing", "completed", "failed", "cancelled"]

ReportType = Literal[
    "user_metrics", "booking_metrics", "payment_metrics", "trip_metrics", "driver_earnings", "comprehensive"
]
ReportFormat = Literal["csv", "excel", "pdf"]
ReportRange = Literal["previous_day", "previous_week", "previous_month", "last_7_days", "last_30_days"]
ExecutionState = Literal["pending", "running", "completed", "failed"]
ReportTrigger = Literal["scheduled", "late", "manual"]

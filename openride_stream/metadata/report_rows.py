"""Rows of reports, as they are read."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """One row of `report_schedules`; see `metadata.models.ReportScheduleRow`."""

    schedule_id: str
    owner: str
    report_name: str
    report_type: str
    frequency: str
    timezone: str
    format: str
    recipients: str
    parameters: str
    active: bool
    description: str | None
    created_at: datetime
    updated_at: datetime
    next_run_at: datetime | None
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """One row of `report_executions`; see `metadata.models.ReportExecutionRow`."""

    execution_id: str
    schedule_id: str
    slot: str
    status: str
    trigger: str
    due_at: datetime
    range_start: datetime
    range_end: datetime
    retry_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    worker: str | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    rows: int = 0
    filename: str | None = None
    size_bytes: int = 0
    delivered_at: datetime | None = None
    error: str | None = None
    posted_at: datetime | None = None
    refused: str | None = None

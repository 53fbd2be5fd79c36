"""`/v1/reports/…`: figures that come by mail, regularly. Role: analyst."""

from typing import Any
from uuid import UUID

from openride_stream.api.choices import ReportFormat, ReportType
from openride_stream.api.reports import ReportExecution, ReportExecutions, ReportSchedule, ReportSchedules
from openride_stream.client.call import Nothing, delete, get, patch, post

_SCHEDULE = "/v1/reports/schedule/{schedule_id}"
_RUN = "/v1/reports/executions/{execution_id}"


@post("/v1/reports/schedule", ReportSchedule)
def schedule_report(
    *,
    report_name: str,
    report_type: ReportType,
    frequency: str,
    timezone: str = "UTC",
    format: ReportFormat,
    recipients: list[str],
    parameters: dict[str, Any] | None = None,
    webhook_url: str | None = None,
    active: bool = True,
    description: str | None = None,
) -> None:
    """Have a report come by mail; `frequency` is daily, weekly, monthly or a cron expression."""


@get("/v1/reports/schedule", ReportSchedules)
def report_schedules(*, active_only: bool = False) -> None:
    """Your schedules, the oldest first; an admin's are everybody's."""


@get(_SCHEDULE, ReportSchedule)
def report_schedule(*, schedule_id: UUID | str) -> None:
    """One schedule."""


@patch(_SCHEDULE, ReportSchedule)
def change_report(
    *,
    schedule_id: UUID | str,
    report_name: str | None = None,
    report_type: ReportType | None = None,
    frequency: str | None = None,
    timezone: str | None = None,
    format: ReportFormat | None = None,
    recipients: list[str] | None = None,
    parameters: dict[str, Any] | None = None,
    webhook_url: str | None = None,
    active: bool | None = None,
    description: str | None = None,
) -> None:
    """Change what is given of a schedule; what is not stays."""


@delete(_SCHEDULE)
def delete_report(*, schedule_id: UUID | str) -> None:
    """Delete a schedule, its executions and their files."""


@post(f"{_SCHEDULE}/execute", ReportExecution)
def execute_report(*, schedule_id: UUID | str) -> None:
    """Have a report made and mailed now; `report_execution` tells what became of it."""


@get(f"{_SCHEDULE}/executions", ReportExecutions)
def report_executions(*, schedule_id: UUID | str) -> None:
    """The last hundred executions of a schedule, the newest first."""


@get(_RUN, ReportExecution)
def report_execution(*, execution_id: UUID | str) -> None:
    """One execution."""


@get(f"{_RUN}/download", Nothing)
def save_report(*, execution_id: UUID | str) -> None:
    """Save the file of a completed execution at the path that is given first."""

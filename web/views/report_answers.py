"""What the endpoints of reports answer, and examples of it."""

from datetime import datetime
from typing import Any, Final

from openride_stream.clock import rfc3339
from openride_stream.metadata.reports import Execution, Schedule
from openride_stream.reports.service import ReportQuotaReached, as_answer
from web.problems import RETRY_AFTER_S, Problem

SCHEDULE: Final[dict[str, Any]] = {
    "schedule_id": "6f1d2c9a-9d0e-4b52-9a57-0d1f5a3c7e21",
    "report_name": "Trips of the week",
    "report_type": "trip_metrics",
    "frequency": "weekly",
    "timezone": "Africa/Lagos",
    "format": "pdf",
    "recipients": ["ada@example.org"],
    "parameters": {"city": "Lagos"},
    "webhook_url": "https://hooks.example.org/openride",
    "active": True,
    "description": None,
    "created_at": "2026-01-28T09:12:44.120Z",
    "updated_at": "2026-01-28T09:12:44.120Z",
    "next_run_at": "2026-02-02T05:00:00.000Z",
}
EXECUTION: Final[dict[str, Any]] = {
    "execution_id": "0b9f4d0c-1a83-4a55-8b7e-2f0f3b6f9c10",
    "schedule_id": "6f1d2c9a-9d0e-4b52-9a57-0d1f5a3c7e21",
    "status": "completed",
    "trigger": "scheduled",
    "due_at": "2026-02-02T05:00:00.000Z",
    "range_start": "2026-01-25T23:00:00.000Z",
    "range_end": "2026-02-01T23:00:00.000Z",
    "started_at": "2026-02-02T05:00:02.310Z",
    "completed_at": "2026-02-02T05:00:03.150Z",
    "duration_ms": 840,
    "attempts": 1,
    "rows": 10,
    "filename": "Trips of the week 2026-01-25.pdf",
    "size_bytes": 28_110,
    "delivered_at": "2026-02-02T05:00:03.100Z",
    "posted_at": "2026-02-02T05:00:03.140Z",
    "error": None,
}


def schedule_answer(schedule: Schedule) -> dict[str, Any]:
    """What a schedule is told as."""
    given = as_answer(schedule)
    return {
        "schedule_id": schedule.schedule_id,
        "report_name": schedule.report_name,
        "report_type": schedule.report_type,
        "frequency": schedule.frequency,
        "timezone": schedule.timezone,
        "format": schedule.format,
        "recipients": given["recipients"],
        "parameters": given["parameters"],
        "webhook_url": schedule.webhook_url,
        "active": schedule.active,
        "description": schedule.description,
        "created_at": _moment(schedule.created_at),
        "updated_at": _moment(schedule.updated_at),
        "next_run_at": _moment(schedule.next_run_at),
    }


def execution_answer(run: Execution) -> dict[str, Any]:
    """What an execution is told as."""
    return {
        "execution_id": run.execution_id,
        "schedule_id": run.schedule_id,
        "status": run.status,
        "trigger": run.trigger,
        "due_at": _moment(run.due_at),
        "range_start": _moment(run.range_start),
        "range_end": _moment(run.range_end),
        "started_at": _moment(run.started_at),
        "completed_at": _moment(run.finished_at),
        "duration_ms": _duration_ms(run),
        "attempts": run.attempts,
        "rows": run.rows,
        "filename": run.filename,
        "size_bytes": run.size_bytes,
        "delivered_at": _moment(run.delivered_at),
        "posted_at": _moment(run.posted_at),
        "error": run.error,
    }


def _duration_ms(run: Execution) -> int | None:
    if run.started_at is None or run.finished_at is None:
        return None
    return round((run.finished_at - run.started_at).total_seconds() * 1000)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(round(moment.timestamp() * 1000))


def too_many(full: ReportQuotaReached) -> Problem:
    """The problem of a quota that is used up."""
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return Problem(429, str(full), kind="quota-reached", headers=headers)

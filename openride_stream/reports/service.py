"""Reports as they are asked for over HTTP: schedules made, changed and taken away, runs asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import orjson

from openride_stream.api.choices import ReportFormat, ReportRange, ReportTrigger, ReportType
from openride_stream.api.reports import ReportChange, ReportParameters, ReportRequest
from openride_stream.clock import Clock
from openride_stream.errors import Rejected
from openride_stream.exports.files import ExportFiles, Kept
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.reports import Execution, Reports, Schedule
from openride_stream.reports.contents import lists_drivers
from openride_stream.reports.files import SUFFIXES
from openride_stream.reports.slots import FrequencyRefused, check, next_slot, range_of, usual_range
from openride_stream.reports.webhook import WebhookRefused, Webhooks
from openride_stream.settings import Settings


class ReportRefused(Rejected):
    """The schedule is none; the message says why, for who wrote it. `field` is at fault."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class ReportQuotaReached(Rejected):
    """The user has as many schedules, or a schedule as many runs that wait, as may be."""


MAX_SCHEDULES: Final = 200
"""Of one user."""
MAX_WAITING: Final = 5
"""Runs of one schedule that wait or are made: each is mailed to whoever the schedule names."""


class ReportDesk:
    """What the endpoints of reports do. Methods raise `MetadataUnavailable` when the store is away."""

    def __init__(self, metadata: Metadata, clock: Clock, settings: Settings) -> None:
        self.kept = Reports(metadata, clock)
        self.files = ExportFiles(settings, "reports")
        self._hooks = Webhooks(settings)

    async def create(self, asked: ReportRequest, owner: str) -> Schedule:
        """Keep a new schedule.

        Raises:
            ReportRefused: its frequency or a parameter is not acceptable.
            ReportQuotaReached: the owner has to delete a schedule first.
        """
        if len(await self.kept.schedules(owner, active_only=False)) >= MAX_SCHEDULES:
            message = f"{MAX_SCHEDULES} schedules are yours, which is as many as may be: delete some"
            raise ReportQuotaReached(message)
        now = self.kept.now()
        parameters = asked.parameters or ReportParameters.model_validate({})
        _check_frequency(asked.frequency, asked.timezone, now)
        _check_parameters(asked.report_type, parameters, "parameters")
        self._check_webhook(asked.webhook_url)
        schedule = Schedule(
            schedule_id=str(uuid4()),
            owner=owner,
            report_name=asked.report_name,
            report_type=asked.report_type,
            frequency=asked.frequency,
            timezone=asked.timezone,
            format=asked.format,
            recipients=orjson.dumps(asked.recipients).decode(),
            parameters=_json(parameters),
            active=asked.active,
            description=asked.description,
            created_at=now,
            updated_at=now,
            next_run_at=next_slot(asked.frequency, asked.timezone, now) if asked.active else None,
            webhook_url=asked.webhook_url or None,
        )
        await self.kept.add(schedule)
        return schedule

    async def find(self, schedule_id: str, owner: str | None) -> Schedule | None:
        """The schedule of that id if it is `owner`'s; None as `owner` sees everybody's."""
        found = await self.kept.schedule(schedule_id)
        return found if found is not None and owner in (None, found.owner) else None

    async def change(self, schedule: Schedule, change: ReportChange) -> Schedule | None:
        """Change what `change` names; None when the schedule is gone meanwhile.

        Raises:
            ReportRefused: its frequency or a parameter is not acceptable.
        """
        values: dict[str, Any] = change.model_dump(exclude_none=True, exclude={"recipients", "parameters"})
        now = self.kept.now()
        frequency, zone = (
            values.get("frequency", schedule.frequency),
            values.get("timezone", schedule.timezone),
        )
        parameters = change.parameters or parameters_of(schedule)
        kind = change.report_type or type_of(schedule)
        _check_frequency(frequency, zone, now)
        _check_parameters(kind, parameters, "parameters" if change.parameters else "report_type")
        self._check_webhook(change.webhook_url)
        if change.webhook_url == "":
            values["webhook_url"] = None
        if change.recipients is not None:
            values["recipients"] = orjson.dumps(change.recipients).decode()
        if change.parameters is not None:
            values["parameters"] = _json(change.parameters)
        active = values.get("active", schedule.active)
        moved = (frequency, zone, active) != (schedule.frequency, schedule.timezone, schedule.active)
        if moved:
            values["next_run_at"] = next_slot(frequency, zone, now) if active else None
        await self.kept.change(schedule.schedule_id, {**values, "updated_at": now})
        return await self.kept.schedule(schedule.schedule_id)

    def _check_webhook(self, url: str | None) -> None:
        if not url:
            return
        try:
            self._hooks.check(url)
        except WebhookRefused as refused:
            raise ReportRefused(str(refused), "webhook_url") from refused

    async def delete(self, schedule: Schedule) -> None:
        """Take away a schedule, its executions and their files."""
        for execution_id in await self.kept.remove(schedule.schedule_id):
            await self.files.remove(execution_id)

    async def execute(self, schedule: Schedule) -> Execution:
        """Have the report made now; its slot is one of its own.

        Raises:
            ReportQuotaReached: enough runs of it wait already.
        """
        runs = await self.kept.executions(schedule.schedule_id)
        if sum(run.status in ("pending", "running") for run in runs) >= MAX_WAITING:
            message = f"{MAX_WAITING} runs of the report wait or are made: ask again when one has ended"
            raise ReportQuotaReached(message)
        now = self.kept.now()
        run = run_of(schedule, now, "manual", now)
        await self.kept.queue(run)
        return run

    async def file_of(self, run: Execution, schedule: Schedule) -> Kept | None:
        """The file of a completed execution, in the format that it was made in; None when it is not there."""
        return await self.files.find(run.execution_id, suffix_of(run, schedule))


def run_of(schedule: Schedule, due_at: datetime, trigger: ReportTrigger, now: datetime) -> Execution:
    """The run of a slot: what it is about hangs on when it was due, not on when it is made."""
    parameters = parameters_of(schedule)
    kind: ReportRange = parameters.range or usual_range(schedule.frequency)
    start, end = range_of(kind, schedule.timezone, due_at)
    execution_id = str(uuid4())
    slot = due_at.isoformat(timespec="seconds") if trigger != "manual" else f"manual {execution_id}"
    return Execution(
        execution_id=execution_id,
        schedule_id=schedule.schedule_id,
        slot=slot,
        status="pending",
        trigger=trigger,
        due_at=due_at,
        range_start=start,
        range_end=end,
        retry_at=now,
    )


def parameters_of(schedule: Schedule) -> ReportParameters:
    """The parameters that were given."""
    return ReportParameters.model_validate_json(schedule.parameters)


def type_of(schedule: Schedule) -> ReportType:
    """The type of the report."""
    found: ReportType = schedule.report_type  # type: ignore[assignment]  # checked when it was made
    return found


def format_of(schedule: Schedule) -> ReportFormat:
    """The format of the report's file."""
    return next(known for known in SUFFIXES if known == schedule.format)


def suffix_of(run: Execution, schedule: Schedule) -> str:
    """The suffix of the file of a completed execution: the schedule may have another format by now."""
    return (run.filename or "").rpartition(".")[2] or SUFFIXES[format_of(schedule)]


def as_answer(schedule: Schedule) -> Mapping[str, Any]:
    """What was given for recipients and parameters."""
    return {"recipients": orjson.loads(schedule.recipients), "parameters": orjson.loads(schedule.parameters)}


def _json(parameters: ReportParameters) -> str:
    return orjson.dumps(parameters.model_dump(exclude_none=True)).decode()


def _check_frequency(frequency: str, zone: str, now: datetime) -> None:
    try:
        check(frequency, zone, now)
    except FrequencyRefused as refused:
        raise ReportRefused(str(refused), "frequency") from refused


def _check_parameters(kind: ReportType, parameters: ReportParameters, field: str) -> None:
    """`field` is what the caller may change of it."""
    if parameters.limit is not None and not lists_drivers(kind):
        message = f"limit: a report of {kind} lists no drivers"
        if field == "report_type":
            message += ", and the schedule has one: give `parameters` without it as well"
        raise ReportRefused(message, field)

"""`/v1/reports/…`: figures that come by mail, regularly, and every time that they did."""

from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from openride_stream.api.reports import (
    ReportChange,
    ReportExecution,
    ReportExecutions,
    ReportRequest,
    ReportSchedule,
    ReportSchedules,
)
from openride_stream.exports.files import Named
from openride_stream.metadata.reports import Execution, Schedule
from openride_stream.reports.files import type_of_suffix
from openride_stream.reports.service import ReportQuotaReached, ReportRefused, suffix_of
from web.context import Context
from web.downloads import OTHERS, REFUSALS, download
from web.endpoint import Endpoint, NoParameters, Reply
from web.problems import Fault, Problem, invalid_parameters
from web.views.report_answers import EXECUTION, SCHEDULE, execution_answer, schedule_answer, too_many


class SchedulesQuery(BaseModel):
    """Which schedules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    active_only: bool = Field(False, description="Only those that come.")


class ScheduleQuery(BaseModel):
    """Which schedule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schedule_id: UUID = Field(description="As it was answered when the schedule was made.")


class ExecutionQuery(BaseModel):
    """Which execution."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    execution_id: UUID = Field(description="As it stands in the executions of the schedule.")


async def _create(context: Context, query: NoParameters, asked: ReportRequest) -> dict[str, Any]:
    del query
    try:
        return schedule_answer(await context.runtime.reports.create(asked, context.asking.key))
    except ReportRefused as refused:
        raise invalid_parameters(422, [Fault(refused.field, str(refused))]) from refused
    except ReportQuotaReached as full:
        raise too_many(full) from full


async def _list(context: Context, query: SchedulesQuery) -> dict[str, Any]:
    found = await context.runtime.reports.kept.schedules(_owner(context), active_only=query.active_only)
    return {"schedules": [schedule_answer(schedule) for schedule in found]}


async def _get(context: Context, query: ScheduleQuery) -> dict[str, Any]:
    return schedule_answer(await _found(context, query.schedule_id))


async def _change(context: Context, query: ScheduleQuery, change: ReportChange) -> dict[str, Any]:
    schedule = await _found(context, query.schedule_id)
    try:
        changed = await context.runtime.reports.change(schedule, change)
    except ReportRefused as refused:
        raise invalid_parameters(422, [Fault(refused.field, str(refused))]) from refused
    if changed is None:
        raise _no_schedule()
    return schedule_answer(changed)


async def _delete(context: Context, query: ScheduleQuery) -> Reply:
    await context.runtime.reports.delete(await _found(context, query.schedule_id))
    return Reply(None, 204)


async def _execute(context: Context, query: ScheduleQuery) -> dict[str, Any]:
    schedule = await _found(context, query.schedule_id)
    try:
        return execution_answer(await context.runtime.reports.execute(schedule))
    except ReportQuotaReached as full:
        raise too_many(full) from full


async def _executions(context: Context, query: ScheduleQuery) -> dict[str, Any]:
    schedule = await _found(context, query.schedule_id)
    found = await context.runtime.reports.kept.executions(schedule.schedule_id)
    return {"executions": [execution_answer(run) for run in found]}


async def _one_execution(context: Context, query: ExecutionQuery) -> dict[str, Any]:
    run, _ = await _found_run(context, query)
    return execution_answer(run)


async def _download(context: Context, query: ExecutionQuery) -> Reply:
    run, schedule = await _found_run(context, query)
    if run.status != "completed" or run.filename is None:
        detail = f"the report is {run.status}" + (f": {run.error}" if run.error else "")
        raise Problem(409, detail, kind="report-not-completed")
    missing = "the file is not here: workers do not share one OPENRIDE_EXPORTS_DIR"
    named = Named(run.filename, type_of_suffix(suffix_of(run, schedule)))
    found = await context.runtime.reports.file_of(run, schedule)
    return await download(found, named, context.settings, missing)


def _owner(context: Context) -> str | None:
    return None if context.asking.may("admin") else context.asking.key


async def _found(context: Context, schedule_id: UUID) -> Schedule:
    found = await context.runtime.reports.find(str(schedule_id), _owner(context))
    if found is None:
        raise _no_schedule()
    return found


def _no_schedule() -> Problem:
    return Problem(404, "there is no such schedule of yours")


async def _found_run(context: Context, query: ExecutionQuery) -> tuple[Execution, Schedule]:
    run = await context.runtime.reports.kept.execution(str(query.execution_id))
    owner = _owner(context)
    schedule = None if run is None else await context.runtime.reports.find(run.schedule_id, owner)
    if run is None or schedule is None:
        raise Problem(404, "there is no such execution of a report of yours")
    return run, schedule


_NOT_THERE: Final = {404: "There is no such schedule, or it is somebody else's."}
_NO_RUN: Final = "There is no such execution, or it is of somebody else's report."
_PATH: Final = "/v1/reports/schedule/{schedule_id}"
_RUN: Final = "/v1/reports/executions/{execution_id}"

ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/v1/reports/schedule",
        "analyst",
        "Have a report come by mail, regularly.",
        _create,
        body=ReportRequest,
        response=ReportSchedule,
        example=SCHEDULE,
        status=201,
    ),
    Endpoint(
        "GET",
        "/v1/reports/schedule",
        "analyst",
        "Your schedules; an admin's are everybody's.",
        _list,
        request=SchedulesQuery,
        response=ReportSchedules,
        example={"schedules": [SCHEDULE]},
    ),
    Endpoint(
        "GET",
        _PATH,
        "analyst",
        "One schedule.",
        _get,
        request=ScheduleQuery,
        response=ReportSchedule,
        example=SCHEDULE,
        refusals=_NOT_THERE,
    ),
    Endpoint(
        "PATCH",
        _PATH,
        "analyst",
        "Change a schedule.",
        _change,
        request=ScheduleQuery,
        body=ReportChange,
        response=ReportSchedule,
        example=SCHEDULE,
        refusals=_NOT_THERE,
    ),
    Endpoint(
        "DELETE",
        _PATH,
        "analyst",
        "Delete a schedule, its executions and their files.",
        _delete,
        request=ScheduleQuery,
        refusals=_NOT_THERE,
        status=204,
    ),
    Endpoint(
        "POST",
        f"{_PATH}/execute",
        "analyst",
        "Have a report made and mailed now.",
        _execute,
        request=ScheduleQuery,
        response=ReportExecution,
        example=EXECUTION,
        refusals=_NOT_THERE,
        status=202,
    ),
    Endpoint(
        "GET",
        f"{_PATH}/executions",
        "analyst",
        "The last hundred executions of a schedule.",
        _executions,
        request=ScheduleQuery,
        response=ReportExecutions,
        example={"executions": [EXECUTION]},
        refusals=_NOT_THERE,
    ),
    Endpoint(
        "GET",
        _RUN,
        "analyst",
        "One execution.",
        _one_execution,
        request=ExecutionQuery,
        response=ReportExecution,
        example=EXECUTION,
        refusals={404: _NO_RUN},
    ),
    Endpoint(
        "GET",
        f"{_RUN}/download",
        "analyst",
        "The file of a completed execution.",
        _download,
        request=ExecutionQuery,
        content_type="application/octet-stream",
        others=OTHERS,
        refusals={404: _NO_RUN, 409: "It is not completed; `detail` says what it is.", **REFUSALS},
    ),
)

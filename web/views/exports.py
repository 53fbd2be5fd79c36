"""`/v1/exports/…`: rows of an analyst's query, and the figures of a range, as files."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from openride_stream.api.exports import ExportAccepted, ExportRequest, ExportStatus
from openride_stream.clock import rfc3339
from openride_stream.errors import StoreLimit
from openride_stream.exports.figures import figures_of, workbook
from openride_stream.exports.files import CONTENT_TYPES, Named
from openride_stream.exports.prepared import MAX_CHARS, QueryRefused
from openride_stream.exports.service import QuotaReached, format_of
from openride_stream.metadata.exports import Export
from web.attachments import attachment
from web.context import Context
from web.downloads import OTHERS, REFUSALS, download
from web.endpoint import Endpoint, NoParameters, Reply
from web.problems import RETRY_AFTER_S, Fault, Problem, invalid_parameters
from web.ranges import RangeQuery, question_of

_CSV: Final = CONTENT_TYPES["csv"]
_EXCEL: Final = CONTENT_TYPES["excel"]


class ExportQuery(BaseModel):
    """Which export."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    export_id: UUID = Field(description="As it was answered to the request.")


class QuickQuery(BaseModel):
    """What is to be answered at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: str = Field(
        min_length=1,
        max_length=MAX_CHARS,
        description="One SELECT over the tables of exports with fewer than 10,000 rows.",
    )


async def _request(context: Context, query: NoParameters, asked: ExportRequest) -> dict[str, Any]:
    del query
    try:
        export = await context.runtime.exports.request(asked, context.asking.key)
    except QueryRefused as refused:
        raise invalid_parameters(422, [Fault(refused.parameter, str(refused))]) from refused
    except QuotaReached as full:
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        raise Problem(429, str(full), kind="quota-reached", headers=headers) from full
    return {"export_id": export.export_id, "status": export.status}


async def _status(context: Context, query: ExportQuery) -> dict[str, Any]:
    export = await _found(context, query)
    return {
        "export_id": export.export_id,
        "status": export.status,
        "format": export.format,
        "filename": export.filename,
        "row_limit": export.row_limit,
        "rows": export.rows,
        "size_bytes": export.size_bytes,
        "limit_reached": export.status == "completed" and export.rows >= export.row_limit,
        "created_at": _moment(export.created_at),
        "started_at": _moment(export.started_at),
        "completed_at": _moment(export.finished_at),
        "expires_at": _moment(export.expires_at),
        "attempts": export.attempts,
        "error": export.error,
    }


async def _download(context: Context, query: ExportQuery) -> Reply:
    export = await _found(context, query)
    if export.status != "completed":
        detail = f"the export is {export.status}" + (f": {export.error}" if export.error else "")
        raise Problem(409, detail, kind="export-not-completed")
    missing = "the file is not here: it has expired, or workers do not share one OPENRIDE_EXPORTS_DIR"
    named = Named(export.filename, CONTENT_TYPES[format_of(export)])
    found = await context.runtime.exports.file_of(export)
    return await download(found, named, context.settings, missing)


async def _delete(context: Context, query: ExportQuery) -> Reply:
    await context.runtime.exports.delete(await _found(context, query))
    return Reply(None, 204)


async def _quick(context: Context, query: QuickQuery) -> Reply:
    try:
        rows = await context.runtime.exports.quick(query.query)
        # The store answers when it has all rows: here, or with the reason why not.
        first = await anext(rows, b"")
    except QueryRefused as refused:
        raise invalid_parameters(422, [Fault("query", str(refused))]) from refused
    except StoreLimit as reached:
        if reached.limit != "rows":
            raise
        detail = "has 10,000 rows or more: ask for it by POST /v1/exports/request"
        raise invalid_parameters(422, [Fault("query", detail)]) from reached
    return Reply(_after(first, rows), content_type=_CSV, headers=attachment("export.csv"))


async def _metrics(context: Context, query: RangeQuery) -> Reply:
    question = question_of(query, context)
    figures = await figures_of(context.runtime.reader, question)
    # Cells cost time: the event loop has others to answer.
    body = await asyncio.to_thread(workbook, figures, question)
    days = f"{rfc3339(question.start_ms)[:10]}_{rfc3339(question.end_ms)[:10]}"
    return Reply(body, content_type=_EXCEL, headers=attachment(f"metrics_{days}.xlsx"))


async def _found(context: Context, query: ExportQuery) -> Export:
    caller = context.asking
    owner = None if caller.may("admin") else caller.key
    found = await context.runtime.exports.find(str(query.export_id), owner)
    if found is None:
        detail = "there is no such export of yours"
        raise Problem(404, detail)
    return found


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(round(moment.timestamp() * 1000))


async def _after(first: bytes, rows: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for chunk in rows:
            yield chunk
    finally:
        if isinstance(rows, AsyncGenerator):
            await rows.aclose()


_NOT_THERE: Final = "There is no such export, or it is somebody else's."
_STATUS: Final = {
    "export_id": "5f0f9d0e-3d53-4c0b-9b0c-6f3d5c1f7a10",
    "status": "completed",
    "format": "csv",
    "filename": "trips.csv",
    "row_limit": 1_000_000,
    "rows": 51_204,
    "size_bytes": 9_120_441,
    "limit_reached": False,
    "created_at": "2026-01-31T08:30:00.000Z",
    "started_at": "2026-01-31T08:30:00.400Z",
    "completed_at": "2026-01-31T08:30:01.700Z",
    "expires_at": "2026-02-03T08:30:01.700Z",
    "attempts": 1,
    "error": None,
}

ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/v1/exports/request",
        "analyst",
        "Queue an export: a worker writes the rows of a query to a file.",
        _request,
        body=ExportRequest,
        response=ExportAccepted,
        example={"export_id": "5f0f9d0e-3d53-4c0b-9b0c-6f3d5c1f7a10", "status": "pending"},
        status=202,
    ),
    Endpoint(
        "GET",
        "/v1/exports/{export_id}/status",
        "analyst",
        "How far an export is.",
        _status,
        request=ExportQuery,
        response=ExportStatus,
        example=_STATUS,
        refusals={404: _NOT_THERE},
    ),
    Endpoint(
        "GET",
        "/v1/exports/{export_id}/download",
        "analyst",
        "The file of a completed export.",
        _download,
        request=ExportQuery,
        content_type="application/octet-stream",
        others=OTHERS,
        refusals={404: _NOT_THERE, 409: "It is not completed; `detail` says what it is.", **REFUSALS},
    ),
    Endpoint(
        "DELETE",
        "/v1/exports/{export_id}",
        "analyst",
        "Delete an export and its file; one that is not written yet is cancelled.",
        _delete,
        request=ExportQuery,
        refusals={404: _NOT_THERE},
        status=204,
    ),
    Endpoint(
        "GET",
        "/v1/exports/quick/csv",
        "analyst",
        "The rows of a query as CSV, at once, of fewer than 10,000.",
        _quick,
        request=QuickQuery,
        content_type=_CSV,
    ),
    Endpoint(
        "GET",
        "/v1/exports/metrics/excel",
        "analyst",
        "The figures of a range as an Excel workbook: users, bookings, payments, trips.",
        _metrics,
        request=RangeQuery,
        content_type=_EXCEL,
    ),
)

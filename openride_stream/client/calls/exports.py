"""`/v1/exports/…`: rows of your own queries, and the figures of a range, as files. Role: analyst."""

from uuid import UUID

from openride_stream.api.choices import ExportFormat
from openride_stream.api.exports import ExportAccepted, ExportStatus
from openride_stream.client.call import Moment, Nothing, delete, get, post


@post("/v1/exports/request", ExportAccepted)
def request_export(
    *,
    query: str,
    format: ExportFormat,
    filename: str | None = None,
    query_params: dict[str, str | int | float | bool] | None = None,
    row_limit: int = 1_000_000,
) -> None:
    """Have the rows of a query written to a file; `export_status` tells how far it is."""


@get("/v1/exports/{export_id}/status", ExportStatus)
def export_status(*, export_id: UUID | str) -> None:
    """How far an export is."""


@delete("/v1/exports/{export_id}")
def delete_export(*, export_id: UUID | str) -> None:
    """Delete an export and its file; one that is not written yet is cancelled."""


@get("/v1/exports/{export_id}/download", Nothing)
def save_export(*, export_id: UUID | str) -> None:
    """Save the file of a completed export at the path that is given first."""


@get("/v1/exports/quick/csv", Nothing)
def save_quick_csv(*, query: str) -> None:
    """Save the rows of a query, fewer than 10,000, as CSV at the path that is given first."""


@get("/v1/exports/metrics/excel", Nothing)
def save_metrics_excel(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
) -> None:
    """Save the figures of a range as an Excel workbook at the path that is given first."""

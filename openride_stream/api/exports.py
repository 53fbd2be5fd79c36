"""What the endpoints of exports take and answer."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from openride_stream.api.choices import ExportFormat, ExportState
from openride_stream.api.fields import Answer, Moment

MAX_ROWS: Final = 1_000_000
QUICK_ROWS: Final = 9_999

_PARAMETERS: Final = "Values of the query's `{name:Type}` parameters, by name."


class ExportRequest(BaseModel):
    """What is to be exported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: str = Field(
        min_length=1,
        max_length=16_384,
        description="One SELECT over the tables of exports, in ClickHouse's SQL. Events are distinct.",
    )
    format: ExportFormat = Field(description="Kind of the file.")
    filename: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None,
        description="Name of the file as it is downloaded; what a file system may not like is replaced. "
        "Default: export- and the time.",
    )
    query_params: Annotated[dict[str, str | int | float | bool], Field(max_length=50)] | None = Field(
        None, description=_PARAMETERS
    )
    row_limit: int = Field(MAX_ROWS, ge=1, le=MAX_ROWS, description="At most so many rows.")


class ExportAccepted(Answer):
    """The export is queued."""

    export_id: UUID = Field(description="Names the export from here on.")
    status: ExportState = Field(description="`pending`.")


class ExportStatus(Answer):
    """How far an export is. `rows` and `size_bytes` grow while it is written."""

    export_id: UUID = Field(description="As it was answered to the request.")
    status: ExportState = Field(
        description="pending: waits for a worker. processing: is written. completed: can be downloaded. "
        "failed: `error` says why. cancelled: it was deleted before its end."
    )
    format: ExportFormat = Field(description="Kind of the file.")
    filename: str = Field(description="Name of the file.")
    row_limit: int = Field(description="At most so many rows are in it.")
    rows: int = Field(ge=0, description="Rows written so far; of parquet they are known at the end.")
    size_bytes: int = Field(ge=0, description="Bytes written so far.")
    limit_reached: bool = Field(
        description="It has `row_limit` rows: there may be more than are in the file."
    )
    created_at: Moment = Field(description="When it was asked for.")
    started_at: Moment | None = Field(description="When a worker last began to write it; null before.")
    completed_at: Moment | None = Field(description="When it ended, well or not; null before.")
    expires_at: Moment | None = Field(description="When it is deleted; null before it has ended.")
    attempts: int = Field(ge=0, description="How many workers have begun it: above 1 when one died.")
    error: str | None = Field(description="Why it failed; null unless it did.")

"""What the endpoints of reports take and answer."""

import re
from typing import Annotated, Any, Final, LiteralString
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from openride_stream.api.choices import ExecutionState, ReportFormat, ReportRange, ReportTrigger, ReportType
from openride_stream.api.fields import Answer, Moment

_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


def _unacceptable(text: LiteralString) -> PydanticCustomError:
    return PydanticCustomError("out_of_range", text)


def _zone(name: str) -> str:
    if name not in available_timezones():
        told: LiteralString = "must be an IANA time zone, such as Africa/Lagos"
        raise _unacceptable(told)
    return name


def _address(text: str) -> str:
    # Of an encoded word (RFC 2047) a mail would have what is in it, be it another address.
    if len(text) > 254 or "=?" in text or not _ADDRESS.fullmatch(text):
        told: LiteralString = "must be an e-mail address, such as ada@example.org"
        raise _unacceptable(told)
    return text


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        told: LiteralString = "must be one line of printable text"
        raise _unacceptable(told)
    return text.strip()


def _once(addresses: list[str]) -> list[str]:
    return list({address.lower(): address for address in reversed(addresses)}.values())[::-1]


def _hook(url: str) -> str:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if url and (not fits or "@" in parts.netloc or parts.fragment or not url.isprintable() or " " in url):
        told: LiteralString = "must be an https address without a user, such as https://example.org/hook"
        raise _unacceptable(told)
    return url


Zone = Annotated[str, AfterValidator(_zone)]
Address = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_line)]
Hook = Annotated[str, Field(max_length=2_000), AfterValidator(_hook)]
_HOOK: Final = (
    "Address that every execution is posted to as JSON, signed, after its mail or when it has failed. Where "
    "OPENRIDE_REPORTS_WEBHOOK_KEY is set."
)
Recipients = Annotated[list[Address], Field(min_length=1, max_length=50), AfterValidator(_once)]


class ReportParameters(BaseModel):
    """What a report is about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    range: ReportRange | None = Field(
        None,
        description="Which days, by the schedule's time zone. Default: the day, week (from Monday) or month "
        "before, as often as the report comes; of a cron expression the last 7 days.",
    )
    city: str | None = Field(None, min_length=1, max_length=200, description="Only events of this city.")
    state: str | None = Field(None, min_length=1, max_length=200, description="Only events of this state.")
    currency: str | None = Field(
        None, pattern=r"^[A-Z]{3}$", description="That money is summed in. Default: OPENRIDE_CURRENCY."
    )
    limit: int | None = Field(
        None,
        ge=1,
        le=1_000,
        description="How many drivers are listed, in reports that list them. Default 100.",
    )


_FREQUENCY: Final = (
    "daily, weekly (Mondays), monthly (the first), each at 06:00, or a cron expression of five fields; in "
    "`timezone`."
)


class ReportRequest(BaseModel):
    """A report that comes regularly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    report_name: Line = Field(description="Subject of its mails.")
    report_type: ReportType = Field(description="What is in it.")
    frequency: str = Field(min_length=1, max_length=100, description=_FREQUENCY)
    timezone: Zone = Field("UTC", description="IANA time zone of the frequency and of the days.")
    format: ReportFormat = Field(description="Kind of its file.")
    recipients: Recipients = Field(description="E-mail addresses that get it.")
    parameters: ReportParameters | None = Field(None, description="What it is about.")
    webhook_url: Hook | None = Field(None, description=_HOOK)
    active: bool = Field(True, description="Whether it comes; one that does not can still be asked for.")
    description: str | None = Field(None, max_length=2_000, description="For people.")


class ReportChange(BaseModel):
    """What is to be changed of a schedule; what is left out stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    report_name: Line | None = Field(None, description="Subject of its mails.")
    report_type: ReportType | None = Field(
        None, description="What is in it from now on; `parameters` have to be such as this type takes."
    )
    frequency: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description=_FREQUENCY
    )
    timezone: Zone | None = Field(None, description="IANA time zone of the frequency and of the days.")
    format: ReportFormat | None = Field(None, description="Kind of its file.")
    recipients: Recipients | None = Field(None, description="E-mail addresses that get it.")
    parameters: ReportParameters | None = Field(None, description="What it is about, as a whole.")
    webhook_url: Hook | None = Field(None, description=f'{_HOOK} "" takes it away.')
    active: bool | None = Field(None, description="Whether it comes.")
    description: Annotated[str, Field(max_length=2_000)] | None = Field(None, description="For people.")


class ReportSchedule(Answer):
    """A report that comes regularly."""

    schedule_id: UUID = Field(description="Names the schedule.")
    report_name: str = Field(description="Subject of its mails.")
    report_type: ReportType = Field(description="What is in it.")
    frequency: str = Field(description="As it was given.")
    timezone: str = Field(description="IANA time zone of the frequency and of the days.")
    format: ReportFormat = Field(description="Kind of its file.")
    recipients: list[str] = Field(description="Who gets it.")
    parameters: dict[str, Any] = Field(description="Those that were given.")
    webhook_url: str | None = Field(description="Address that its executions are posted to.")
    active: bool = Field(description="Whether it comes.")
    description: str | None = Field(description="For people.")
    created_at: Moment = Field(description="When it was made.")
    updated_at: Moment = Field(description="When it was last changed.")
    next_run_at: Moment | None = Field(description="When it comes next; null when it does not.")


class ReportSchedules(Answer):
    """Schedules, the oldest first."""

    schedules: list[ReportSchedule] = Field(description="The oldest first.")


class ReportExecution(Answer):
    """One run of a report."""

    execution_id: UUID = Field(description="Names the execution.")
    schedule_id: UUID = Field(description="The schedule that it is of.")
    status: ExecutionState = Field(
        description="pending: waits for a worker, or to be tried again. running. completed: written and "
        "mailed. failed: `error` says why."
    )
    trigger: ReportTrigger = Field(
        description="scheduled: it was due. late: it was due while no worker ran. manual: somebody asked "
        "for it."
    )
    due_at: Moment = Field(description="When it was due, or asked for.")
    range_start: Moment = Field(description="Start of the range that it is about, included.")
    range_end: Moment = Field(description="End of that range, not included.")
    started_at: Moment | None = Field(description="When a worker last began it; null before.")
    completed_at: Moment | None = Field(description="When it ended, well or not; null before.")
    duration_ms: int | None = Field(description="Milliseconds from its last start to its end; null before.")
    attempts: int = Field(ge=0, description="How often it was begun.")
    rows: int = Field(ge=0, description="Figures and rows of tables in it.")
    filename: str | None = Field(description="Name of its file; null while there is none.")
    size_bytes: int = Field(ge=0, description="Size of its file.")
    delivered_at: Moment | None = Field(description="When its mail was taken; null before.")
    posted_at: Moment | None = Field(description="When its webhook was taken; null before, and without one.")
    error: str | None = Field(
        description="Why the last try failed, then whom the SMTP server refused; null when neither."
    )


class ReportExecutions(Answer):
    """Executions of a schedule, the newest first, at most a hundred."""

    executions: list[ReportExecution] = Field(description="The newest first.")

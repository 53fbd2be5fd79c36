"""Tables of the metadata store; the Alembic migrations must give the same ones (a test compares)."""

from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import BigInteger, DateTime, Dialect, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

Outcome = Literal["completed", "failed"]


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC on both stores: SQLite keeps no offset, so it is put back when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the store. Raises `ValueError` for a naive datetime: its zone would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "naive datetime"
            raise ValueError(message)
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the store."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The metadata schema."""

    type_annotation_map = {datetime: UtcDateTime()}  # noqa: RUF012 - SQLAlchemy reads it from the class


class JobRun(Base):
    """One slot of a periodic job: whoever inserted (job, slot), or took it over, runs it.

    `lease_until` is when a run that has not finished may be taken over. `outcome` and `finished_at` are
    null while it runs; `error` is null unless it failed. `covers_from` and `covers_until` are the time that
    the run deals with, where that is no slot cut beforehand (`JobRuns.claim_span`).
    """

    __tablename__ = "job_runs"
    __table_args__ = (Index("job_runs_started_at", "started_at"),)

    job: Mapped[str] = mapped_column(String(200), primary_key=True)
    slot: Mapped[str] = mapped_column(String(64), primary_key=True)
    worker: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime]
    lease_until: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    error: Mapped[str | None] = mapped_column(Text)
    covers_from: Mapped[datetime | None]
    covers_until: Mapped[datetime | None]


class WorkerSeat(Base):
    """One live worker of a consumer group, as it last reported itself.

    `seen_ms` and `expires_ms` are milliseconds since the epoch by the store's clock, so that workers whose
    clocks differ agree on who is alive; `holdings` is JSON (see `metadata.workers`).
    """

    __tablename__ = "worker_seats"

    worker: Mapped[str] = mapped_column(String(200), primary_key=True)
    consumer_group: Mapped[str] = mapped_column(String(250))
    web: Mapped[str] = mapped_column(String(300))
    version: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime]
    seen_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger)
    trouble: Mapped[str | None] = mapped_column(Text)
    holdings: Mapped[str] = mapped_column(Text)


class ExportJob(Base):
    """One export: what was asked, and how far it is (see `metadata.exports`).

    `worker` and `lease_until` are set while it is written; when the lease has run out, others may take it.
    `owner` is the key of the caller. `statement` is what the store is given, `params` its parameters as JSON.
    """

    __tablename__ = "exports"
    __table_args__ = (
        Index("exports_status", "status", "created_at"),
        Index("exports_owner", "owner"),
        Index("exports_expires_at", "expires_at"),
    )

    export_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str] = mapped_column(Text)
    statement: Mapped[str] = mapped_column(Text)
    params: Mapped[str] = mapped_column(Text)
    columns: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(String(20))
    filename: Mapped[str] = mapped_column(String(300))
    row_limit: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(String(200))
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer)
    rows: Mapped[int] = mapped_column(BigInteger)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(Text)


class ReportScheduleRow(Base):
    """A report that comes regularly (see `metadata.reports`). `recipients` and `parameters` are JSON."""

    __tablename__ = "report_schedules"
    __table_args__ = (Index("report_schedules_due", "active", "next_run_at"),)

    schedule_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str] = mapped_column(Text)
    report_name: Mapped[str] = mapped_column(String(200))
    report_type: Mapped[str] = mapped_column(String(40))
    frequency: Mapped[str] = mapped_column(String(100))
    timezone: Mapped[str] = mapped_column(String(64))
    format: Mapped[str] = mapped_column(String(20))
    recipients: Mapped[str] = mapped_column(Text)
    parameters: Mapped[str] = mapped_column(Text)
    active: Mapped[bool]
    description: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    next_run_at: Mapped[datetime | None]
    webhook_url: Mapped[str | None] = mapped_column(Text)


class ReportExecutionRow(Base):
    """One run of a report: (schedule_id, slot) is there once, whoever noticed that it was due.

    `delivered_at` is set as soon as its mail was taken, so that whoever takes it over mails no second one;
    `posted_at` is the same of its webhook. `refused` names the recipients that the mail was not taken for.
    """

    __tablename__ = "report_executions"
    __table_args__ = (
        UniqueConstraint("schedule_id", "slot", name="report_executions_slot"),
        Index("report_executions_status", "status", "retry_at"),
    )

    execution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    schedule_id: Mapped[str] = mapped_column(String(36))
    slot: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20))
    trigger: Mapped[str] = mapped_column(String(20))
    due_at: Mapped[datetime]
    range_start: Mapped[datetime]
    range_end: Mapped[datetime]
    retry_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(String(200))
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer)
    rows: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str | None] = mapped_column(String(300))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    delivered_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    posted_at: Mapped[datetime | None]
    refused: Mapped[str | None] = mapped_column(Text)

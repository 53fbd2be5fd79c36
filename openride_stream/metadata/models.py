"""Tables of the metadata store; the Alembic migrations must give the same ones (a test compares)."""

from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import BigInteger, DateTime, Dialect, Index, String, Text
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
    null while it runs; `error` is null unless it failed.
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

"""Exports as the metadata store knows them: a queue with leases, as that of job slots is (decision 2).

`pending` → `processing` → `completed` or `failed`; an active one may become `cancelled`. Who writes an export
holds a lease on it and renews it; when that has run out another worker takes over, so that none stays
`processing` for ever.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from openride_stream.clock import Clock, utc_from_ms
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.models import ExportJob

ACTIVE: Final = ("pending", "processing")
_ERROR_LENGTH: Final = 2_000
_TABLE: Final = ExportJob.__table__

Quota = Literal["active", "bytes"]


@dataclass(frozen=True, slots=True)
class Export:
    """One row of `exports`; see `metadata.models.ExportJob`."""

    export_id: str
    owner: str
    statement: str
    params: str
    columns: str
    format: str
    filename: str
    row_limit: int
    status: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    worker: str | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    rows: int = 0
    size_bytes: int = 0
    error: str | None = None


class ExportJobs:
    """The exports of all workers. Every method raises `MetadataUnavailable` when the store is away."""

    def __init__(self, metadata: Metadata, clock: Clock, *, kept: timedelta, max_attempts: int = 2) -> None:
        self._metadata = metadata
        self._clock = clock
        self._kept = kept
        self._max_attempts = max_attempts

    def now(self) -> datetime:
        """The time of everything that is written here."""
        return utc_from_ms(self._clock.now_ms())

    async def add(self, export: Export, max_active: int, max_bytes: int) -> Quota | None:
        """Queue an export, or say which quota its owner has used up; one transaction looks and queues."""

        async def added(connection: AsyncConnection) -> Quota | None:
            if self._metadata.dialect == "postgresql":
                # Two requests at once would each count without the other.
                await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(export.owner))))
            own = select(
                func.count().filter(ExportJob.status.in_(ACTIVE)),
                func.coalesce(func.sum(ExportJob.size_bytes), 0),
            ).where(ExportJob.owner == export.owner)
            active, size_bytes = (await connection.execute(own)).one()
            if active >= max_active:
                return "active"
            if size_bytes >= max_bytes:
                return "bytes"
            values = {name: getattr(export, name) for name in Export.__dataclass_fields__}
            await connection.execute(insert(ExportJob).values(**values))
            return None

        return await self._metadata.write(added)

    async def find(self, export_id: str) -> Export | None:
        """The export of that id."""
        found = await self._rows(select(_TABLE).where(ExportJob.export_id == export_id))
        return found[0] if found else None

    async def claim(self, worker: str, lease_s: float) -> Export | None:
        """The oldest export that waits or was left behind, now the caller's for `lease_s`; None if none is.

        One that was left behind by `max_attempts` workers fails instead: it may well be what they died of.
        """
        for candidate in await self._rows(self._claimable()):
            taken = await self._take(candidate, worker, lease_s)
            if taken is not None:
                return taken
        return None

    def _claimable(self) -> Select[Any]:
        left = (ExportJob.status == "processing") & (ExportJob.lease_until < self.now())
        return (
            select(_TABLE)
            .where((ExportJob.status == "pending") | left)
            .order_by(ExportJob.created_at, ExportJob.export_id)
            .limit(20)
        )

    async def _take(self, seen: Export, worker: str, lease_s: float) -> Export | None:
        now = self.now()
        mine: dict[str, Any] = {
            "status": "processing",
            "worker": worker,
            "started_at": now,
            "lease_until": now + timedelta(seconds=lease_s),
            "attempts": seen.attempts + 1,
            "rows": 0,
            "size_bytes": 0,
        }
        if seen.attempts >= self._max_attempts:
            mine = self._ended(
                "failed", f"{seen.attempts} workers ended while they wrote it, last {seen.worker}"
            )
        statement = (
            update(ExportJob)
            .where(
                ExportJob.export_id == seen.export_id,
                ExportJob.status == seen.status,
                ExportJob.attempts == seen.attempts,
                # Renewed meanwhile: its worker lives after all.
                ExportJob.lease_until.is_not_distinct_from(seen.lease_until),
            )
            .values(**mine)
            .returning(*_TABLE.columns)
        )

        async def taken(connection: AsyncConnection) -> Export | None:
            row = (await connection.execute(statement)).mappings().first()
            return Export(**row) if row is not None and row["status"] == "processing" else None

        return await self._metadata.write(taken)

    async def progress(self, export: Export, lease_s: float, rows: int, size_bytes: int) -> bool:
        """Say how far the caller is and renew its lease; False when it is no longer the caller's to write."""
        lease_until = self.now() + timedelta(seconds=lease_s)
        return await self._own(export, {"rows": rows, "size_bytes": size_bytes, "lease_until": lease_until})

    async def complete(self, export: Export, rows: int, size_bytes: int) -> bool:
        """The file is there; False when the export is no longer the caller's."""
        return await self._own(
            export, self._ended("completed", None) | {"rows": rows, "size_bytes": size_bytes}
        )

    async def fail(self, export: Export, error: str) -> bool:
        """The export cannot be made, for this reason; False when it is no longer the caller's."""
        return await self._own(export, self._ended("failed", error) | {"size_bytes": 0})

    async def give_back(self, export: Export) -> bool:
        """The caller stops, and says so: another worker takes over at once."""
        waiting = {"status": "pending", "worker": None, "lease_until": None, "attempts": export.attempts - 1}
        return await self._own(export, waiting)

    async def cancel(self, export_id: str) -> bool:
        """An export that has not ended is not made; False when it has ended (or is not there)."""
        statement = (
            update(ExportJob)
            .where(ExportJob.export_id == export_id, ExportJob.status.in_(ACTIVE))
            .values(**self._ended("cancelled", None), size_bytes=0)
        )
        return await self._changed(statement)

    async def remove(self, export_id: str) -> bool:
        """Forget an export that has ended."""
        return await self._changed(
            delete(ExportJob).where(ExportJob.export_id == export_id, ExportJob.status.not_in(ACTIVE))
        )

    async def expired(self) -> list[Export]:
        """Exports whose time is over, the oldest first, at most a hundred."""
        statement = select(_TABLE).where(ExportJob.expires_at < self.now())
        return await self._rows(statement.order_by(ExportJob.expires_at).limit(100))

    async def known(self, export_ids: Collection[str]) -> frozenset[str]:
        """Which of these are there."""
        statement = select(_TABLE).where(ExportJob.export_id.in_(list(export_ids)))
        return frozenset(export.export_id for export in await self._rows(statement))

    def _ended(self, status: str, error: str | None) -> dict[str, Any]:
        now = self.now()
        return {
            "status": status,
            "finished_at": now,
            "expires_at": now + self._kept,
            "lease_until": None,
            "error": error[:_ERROR_LENGTH] if error else None,
        }

    async def _own(self, export: Export, values: Mapping[str, Any]) -> bool:
        statement = update(ExportJob).where(
            ExportJob.export_id == export.export_id,
            ExportJob.status == "processing",
            ExportJob.worker == export.worker,
            ExportJob.attempts == export.attempts,
        )
        return await self._changed(statement.values(**values))

    async def _changed(self, statement: Any) -> bool:
        async def changed(connection: AsyncConnection) -> bool:
            return (await connection.execute(statement)).rowcount > 0

        return await self._metadata.write(changed)

    async def _rows(self, statement: Select[Any]) -> list[Export]:
        async def rows(connection: AsyncConnection) -> list[Export]:
            return [Export(**row) for row in (await connection.execute(statement)).mappings()]

        return await self._metadata.read(rows)

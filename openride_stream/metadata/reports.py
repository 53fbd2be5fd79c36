"""Report schedules and their runs: the unique row (schedule, slot) decides that a report runs once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, case, delete, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from openride_stream.clock import Clock, utc_from_ms
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.models import ReportExecutionRow as Run
from openride_stream.metadata.models import ReportScheduleRow as Plan
from openride_stream.metadata.report_rows import Execution, Schedule

__all__ = ["Execution", "Reports", "Schedule"]

_ERROR_LENGTH: Final = 2_000
_LISTED: Final = 100
_PLANS: Final = Plan.__table__
_RUNS: Final = Run.__table__


class Reports:
    """The reports of all workers. Every method raises `MetadataUnavailable` when the store is away."""

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock

    def now(self) -> datetime:
        """The time of everything that is written here."""
        return utc_from_ms(self._clock.now_ms())

    async def add(self, schedule: Schedule) -> None:
        """Keep a new schedule."""
        await self._changed(insert(Plan).values(**_values(schedule)))

    async def schedule(self, schedule_id: str) -> Schedule | None:
        """The schedule of that id."""
        found = await self._schedules(select(_PLANS).where(Plan.schedule_id == schedule_id))
        return found[0] if found else None

    async def schedules(self, owner: str | None, *, active_only: bool) -> list[Schedule]:
        """Schedules of an owner, or of everybody, the oldest first."""
        statement = select(_PLANS).order_by(Plan.created_at, Plan.schedule_id)
        if owner is not None:
            statement = statement.where(Plan.owner == owner)
        if active_only:
            statement = statement.where(Plan.active.is_(True))
        return await self._schedules(statement)

    async def change(self, schedule_id: str, values: Mapping[str, Any]) -> bool:
        """Change columns of a schedule; False when it is gone."""
        return await self._changed(update(Plan).where(Plan.schedule_id == schedule_id).values(**values))

    async def remove(self, schedule_id: str) -> list[str]:
        """Forget a schedule and its executions; answers with the ids of these, which may have files."""

        async def removed(connection: AsyncConnection) -> list[str]:
            await connection.execute(delete(Plan).where(Plan.schedule_id == schedule_id))
            gone = delete(Run).where(Run.schedule_id == schedule_id).returning(Run.execution_id)
            return [row.execution_id for row in await connection.execute(gone)]

        return await self._metadata.write(removed)

    async def due(self) -> list[Schedule]:
        """Active schedules whose time has come."""
        come = Plan.active.is_(True) & (Plan.next_run_at <= self.now())
        return await self._schedules(select(_PLANS).where(come).order_by(Plan.next_run_at).limit(_LISTED))

    async def plan(
        self, seen: Schedule, executions: Sequence[Execution], next_run_at: datetime | None
    ) -> bool:
        """Queue the runs of slots and move their schedule on; False when another worker has.

        Nothing is queued either when the schedule was changed after it was `seen`.
        """
        moved = (
            update(Plan)
            .where(
                Plan.schedule_id == seen.schedule_id,
                Plan.next_run_at == seen.next_run_at,
                Plan.updated_at == seen.updated_at,
                Plan.active.is_(True),
            )
            .values(next_run_at=next_run_at)
            .returning(Plan.schedule_id)
        )

        async def planned(connection: AsyncConnection) -> bool:
            if (await connection.execute(moved)).first() is None:
                return False
            return any([await self._queue(connection, execution) for execution in executions])

        return await self._metadata.write(planned)

    async def queue(self, execution: Execution) -> bool:
        """Queue a run; False when its slot has one already."""

        async def queued(connection: AsyncConnection) -> bool:
            return await self._queue(connection, execution)

        return await self._metadata.write(queued)

    async def _queue(self, connection: AsyncConnection, execution: Execution) -> bool:
        # The two classes differ in name only; their common base does not declare on_conflict.
        kind = postgresql.insert if self._metadata.dialect == "postgresql" else sqlite.insert
        statement = (
            kind(Run)
            .values(**_values(execution))
            .on_conflict_do_nothing(index_elements=[Run.schedule_id, Run.slot])
        )
        return (await connection.execute(statement.returning(Run.execution_id))).first() is not None

    async def execution(self, execution_id: str) -> Execution | None:
        """The execution of that id."""
        found = await self._executions(select(_RUNS).where(Run.execution_id == execution_id))
        return found[0] if found else None

    async def executions(self, schedule_id: str) -> list[Execution]:
        """Executions of a schedule, the newest first, at most a hundred."""
        statement = select(_RUNS).where(Run.schedule_id == schedule_id)
        return await self._executions(statement.order_by(Run.due_at.desc(), Run.execution_id).limit(_LISTED))

    async def claim(self, worker: str, lease_s: float) -> Execution | None:
        """A run that is to be made now, the caller's for `lease_s`; None when there is none."""
        now = self.now()
        waits = (Run.status == "pending") & (Run.retry_at <= now)
        left = (Run.status == "running") & (Run.lease_until < now)
        for seen in await self._executions(select(_RUNS).where(waits | left).order_by(Run.due_at).limit(20)):
            statement = (
                update(Run)
                .where(
                    Run.execution_id == seen.execution_id,
                    Run.status == seen.status,
                    Run.attempts == seen.attempts,
                    Run.lease_until.is_not_distinct_from(seen.lease_until),
                )
                .values(
                    status="running",
                    worker=worker,
                    started_at=now,
                    lease_until=now + timedelta(seconds=lease_s),
                    attempts=seen.attempts + 1,
                )
                .returning(*_RUNS.columns)
            )

            async def taken(connection: AsyncConnection, statement: Any = statement) -> Execution | None:
                row = (await connection.execute(statement)).mappings().first()
                return Execution(**row) if row is not None else None

            if (mine := await self._metadata.write(taken)) is not None:
                return mine
        return None

    async def renew(self, run: Execution, lease_s: float) -> bool:
        """Hold the caller's run for longer; False when it is no longer the caller's."""
        return await self._own(run, {"lease_until": self.now() + timedelta(seconds=lease_s)})

    async def delivered(self, run: Execution, refused: str | None = None) -> bool:
        """Its mail was taken: nobody mails it again. `refused` tells of recipients who do not get it."""
        return await self._own(run, {"delivered_at": self.now(), "refused": refused})

    async def posted(self, run: Execution) -> bool:
        """Its webhook was taken: nobody posts it again."""
        return await self._own(run, {"posted_at": self.now()})

    async def complete(self, run: Execution, rows: int, filename: str, size_bytes: int) -> bool:
        """The run has ended well; its `error` tells of recipients who were refused, if any."""
        made = {"rows": rows, "filename": filename, "size_bytes": size_bytes, "error": Run.refused}
        return await self._own(
            run, {"status": "completed", "finished_at": self.now(), "lease_until": None, **made}
        )

    async def put_off(self, run: Execution, error: str, pause_s: float) -> bool:
        """The run is tried again, after a pause."""
        waiting = {
            "status": "pending",
            "lease_until": None,
            "retry_at": self.now() + timedelta(seconds=pause_s),
        }
        return await self._own(run, {**waiting, "error": _with_refused(error)})

    async def fail(self, run: Execution, error: str) -> bool:
        """The run has ended, for this reason."""
        ended = {"status": "failed", "finished_at": self.now(), "lease_until": None}
        return await self._own(run, {**ended, "error": _with_refused(error)})

    async def known(self, execution_ids: Collection[str]) -> frozenset[str]:
        """Which of these are there."""
        statement = select(_RUNS).where(Run.execution_id.in_(list(execution_ids)))
        return frozenset(run.execution_id for run in await self._executions(statement))

    async def expire(self, kept: timedelta) -> list[str]:
        """Forget executions that ended longer than `kept` ago; answers with their ids."""

        async def gone(connection: AsyncConnection) -> list[str]:
            statement = delete(Run).where(Run.finished_at < self.now() - kept).returning(Run.execution_id)
            return [row.execution_id for row in await connection.execute(statement)]

        return await self._metadata.write(gone)

    async def _own(self, run: Execution, values: Mapping[str, Any]) -> bool:
        mine = (
            (Run.execution_id == run.execution_id)
            & (Run.status == "running")
            & (Run.worker == run.worker)
            & (Run.attempts == run.attempts)
        )
        return await self._changed(update(Run).where(mine).values(**values))

    async def _changed(self, statement: Any) -> bool:
        async def changed(connection: AsyncConnection) -> bool:
            return (await connection.execute(statement)).rowcount > 0

        return await self._metadata.write(changed)

    async def _schedules(self, statement: Select[Any]) -> list[Schedule]:
        async def rows(connection: AsyncConnection) -> list[Schedule]:
            return [Schedule(**row) for row in (await connection.execute(statement)).mappings()]

        return await self._metadata.read(rows)

    async def _executions(self, statement: Select[Any]) -> list[Execution]:
        async def rows(connection: AsyncConnection) -> list[Execution]:
            return [Execution(**row) for row in (await connection.execute(statement)).mappings()]

        return await self._metadata.read(rows)


def _with_refused(error: str) -> ColumnElement[str]:
    """Why, and then who does not get the mail: that is on record since that mail, maybe of an earlier try."""
    why = literal(error[:_ERROR_LENGTH], Text)
    return case((Run.refused.is_(None), why), else_=why + "; " + Run.refused)


def _values(row: Schedule | Execution) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}

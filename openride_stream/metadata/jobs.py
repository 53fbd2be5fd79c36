"""Who runs a periodic job: one worker of the cluster for each slot.

Faust's timers fire on every worker, and its leader can change in the middle of a tick. So the unique
row (job, slot) decides: the worker that could write it runs the job, all others go on.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Update, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from openride_stream.clock import Clock, rfc3339, utc_from_ms
from openride_stream.errors import Transient
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.models import JobRun, Outcome

logger = logging.getLogger(__name__)

_ERROR_LENGTH: Final = 2_000
_RENEWALS_A_LEASE: Final = 4
_KEPT: Final = timedelta(days=30)


def slot_of(now_ms: int, interval_s: float) -> str:
    """The slot that `now_ms` falls in: its start, RFC 3339 UTC, the same on every worker."""
    interval_ms = max(1, round(interval_s * 1000))
    return utc_from_ms(now_ms - now_ms % interval_ms).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, `[start_ms, end_ms)` since the epoch, which others find a little longer or shorter.

    Spans that lie `slack_ms` or less apart are the same.
    """

    start_ms: int
    end_ms: int
    slack_ms: int = 0


class JobRuns:
    """Claims on job slots. Every method raises `MetadataUnavailable` when the store is away.

    Leases are compared by the caller's clock: make them longer than clocks of workers differ. A run that is
    longer keeps its lease with `kept`, so that the slot of a worker that died is soon free.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock

    def _now(self) -> datetime:
        return utc_from_ms(self._clock.now_ms())

    async def claim(self, job: str, slot: str, worker: str, lease_s: float, *, alone: bool = False) -> bool:
        """True for exactly one caller a slot; a claim that outlived `lease_s` unfinished may be taken over.

        `worker` must be unique to the process start. With `alone`, also false while another slot of the
        same job is running under a live lease, so that two runs of one job do not overlap. A lease that
        ends later than any that could be given now is not live: whoever gave it had a clock that was ahead.
        """

        async def claimed(connection: AsyncConnection) -> bool:
            if alone and await self._other_slot_runs(connection, job, slot, lease_s):
                return False
            taken = await connection.execute(self._claim_statement(job, slot, worker, lease_s))
            return taken.first() is not None

        return await self._metadata.write(claimed)

    async def claim_span(self, job: str, span: Span, worker: str, lease_s: float) -> str | None:
        """The slot that the caller runs, to be finished by it; None when the span is another's, or done.

        A span that is the same as one of the job's runs adds to what that one covers, so that it is known
        again however far it grows. Of many callers at once, whatever ends they give it, one gets it.
        """

        async def claimed(connection: AsyncConnection) -> str | None:
            await self._in_turn(connection, job)
            slot = await _covering(connection, job, span) or rfc3339(span.start_ms)
            claim = self._claim_statement(job, slot, worker, lease_s, span)
            return slot if (await connection.execute(claim)).first() is not None else None

        return await self._metadata.write(claimed)

    async def cover(self, job: str, span: Span) -> None:
        """Add the span to what the run of the job covers that it is the same as, if there is one."""

        async def covered(connection: AsyncConnection) -> None:
            await self._in_turn(connection, job)
            await _covering(connection, job, span)

        await self._metadata.write(covered)

    async def finish(self, job: str, slot: str, worker: str, outcome: Outcome, error: str = "") -> bool:
        """Close the caller's run; false when its lease had expired and another worker took over."""
        statement = _own_run(job, slot, worker).values(
            finished_at=self._now(), outcome=outcome, error=error[:_ERROR_LENGTH] or None
        )
        return await self._changed(statement)

    async def extend(self, job: str, slot: str, worker: str, lease_s: float) -> bool:
        """Renew the caller's lease from now; false when it is no longer the caller's to run."""
        statement = _own_run(job, slot, worker).values(lease_until=self._now() + timedelta(seconds=lease_s))
        return await self._changed(statement)

    @contextlib.asynccontextmanager
    async def kept(self, job: str, slot: str, worker: str, lease_s: float) -> AsyncIterator[None]:
        """Within the block the caller's lease is renewed, several times a lease."""
        renewing = asyncio.create_task(self._renew(job, slot, worker, lease_s))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, job: str, slot: str, worker: str, lease_s: float) -> None:
        while True:
            await asyncio.sleep(lease_s / _RENEWALS_A_LEASE)
            try:
                await self.extend(job, slot, worker, lease_s)
            except Transient as error:
                logger.warning("Lease not renewed", extra={"job": job, "error": str(error)})

    async def prune(self, kept: timedelta = _KEPT) -> int:
        """Delete runs that started longer than `kept` ago; returns how many."""
        statement = delete(JobRun).where(JobRun.started_at < self._now() - kept)

        async def pruned(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        return await self._metadata.write(pruned)

    async def _changed(self, statement: Update) -> bool:
        async def changed(connection: AsyncConnection) -> bool:
            return (await connection.execute(statement.returning(JobRun.job))).first() is not None

        return await self._metadata.write(changed)

    async def _other_slot_runs(
        self, connection: AsyncConnection, job: str, slot: str, lease_s: float
    ) -> bool:
        await self._in_turn(connection, job)
        now = self._now()
        live = JobRun.lease_until.between(now, now + timedelta(seconds=2 * lease_s))
        running = exists().where(JobRun.job == job, JobRun.slot != slot, JobRun.finished_at.is_(None), live)
        return bool((await connection.execute(select(running))).scalar_one())

    async def _in_turn(self, connection: AsyncConnection, job: str) -> None:
        if self._metadata.dialect == "postgresql":
            # Two slots are two rows, which conflict with nothing: only this lock orders their claims.
            # SQLite's transactions are exclusive from their first statement.
            await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(job))))

    def _claim_statement(
        self, job: str, slot: str, worker: str, lease_s: float, span: Span | None = None
    ) -> Any:
        now = self._now()
        taken = {"worker": worker, "started_at": now, "lease_until": now + timedelta(seconds=lease_s)}
        # The two classes differ in name only; their common base does not declare on_conflict.
        insert = postgresql.insert if self._metadata.dialect == "postgresql" else sqlite.insert
        return (
            insert(JobRun)
            .values(job=job, slot=slot, **taken, **(_covered(span) if span else {}))
            .on_conflict_do_update(
                index_elements=[JobRun.job, JobRun.slot],
                set_=taken,
                where=JobRun.finished_at.is_(None) & (JobRun.lease_until < now),
            )
            .returning(JobRun.job)
        )


def _covered(span: Span) -> dict[str, datetime]:
    return {"covers_from": utc_from_ms(span.start_ms), "covers_until": utc_from_ms(span.end_ms)}


async def _covering(connection: AsyncConnection, job: str, span: Span) -> str | None:
    """The slot of the job's first run that the span is the same as, which covers both from now on."""
    slack = timedelta(milliseconds=span.slack_ms)
    start, end = _covered(span).values()
    same = (JobRun.covers_from <= end + slack) & (JobRun.covers_until >= start - slack)
    columns = JobRun.slot, JobRun.covers_from, JobRun.covers_until
    found = select(*columns).where(JobRun.job == job, same).order_by(JobRun.covers_from).limit(1)
    run = (await connection.execute(found)).first()
    if run is None:
        return None
    covers = {"covers_from": min(start, run.covers_from), "covers_until": max(end, run.covers_until)}
    if covers != {"covers_from": run.covers_from, "covers_until": run.covers_until}:
        own = update(JobRun).where(JobRun.job == job, JobRun.slot == run.slot)
        await connection.execute(own.values(**covers))
    return str(run.slot)


def _own_run(job: str, slot: str, worker: str) -> Update:
    return update(JobRun).where(
        JobRun.job == job, JobRun.slot == slot, JobRun.worker == worker, JobRun.finished_at.is_(None)
    )

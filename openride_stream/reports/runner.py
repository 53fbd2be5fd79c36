"""What one worker does for reports: notices what is due, makes it, mails it, once in the cluster."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

from openride_stream.clickhouse.reader import Reader
from openride_stream.errors import OpenRideError, Transient
from openride_stream.exports.files import Named, safe_name
from openride_stream.metadata.reports import Execution, Schedule
from openride_stream.metrics import Metrics
from openride_stream.reports.asked import Asked, asked_of
from openride_stream.reports.contents import contents, rows_in
from openride_stream.reports.courier import LEASE_S, TRIES, Courier, Made, first_day
from openride_stream.reports.files import CONTENT_TYPES, SUFFIXES, file_of
from openride_stream.reports.service import ReportDesk, format_of, parameters_of, run_of, type_of
from openride_stream.reports.slots import next_slot, slots_until, usual_range
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 5.0
_CLEAR_EVERY_S: Final = 3_600.0
_LATE: Final = timedelta(minutes=10)
_MADE_LATE: Final = 10
"""Of the slots that were missed so many are made, the newest; of more it is on record that they were not."""
_ON_RECORD: Final = 100
_LEFT_OUT: Final = f"no worker ran when it was due, and then {_MADE_LATE} newer ones were"
_PAUSES_S: Final = (60.0, 300.0, 1_800.0)
"""Before each further try."""
assert len(_PAUSES_S) == TRIES - 1


class ReportRunner:
    """Makes reports, one after the other; `run` goes on until it is cancelled."""

    def __init__(
        self, desk: ReportDesk, reader: Reader, worker: str, metrics: Metrics, settings: Settings
    ) -> None:
        self._desk = desk
        self._reader = reader
        self._worker = worker
        self._metrics = metrics
        self._settings = settings
        self._courier = Courier(desk.kept, settings)
        self._fonts = settings.reports_font_files

    async def run(self) -> None:
        """Look for what is due and make it, until cancelled."""
        clear_at_s = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self.plan_due()
                await self.make_waiting()
                if loop.time() >= clear_at_s:
                    clear_at_s = loop.time() + _CLEAR_EVERY_S
                    await self.clear()
            except (OpenRideError, OSError) as error:
                # No reason to end a worker: what is due stays due.
                logger.warning("Reports put off", extra={"error": str(error)})
            await asyncio.sleep(_LOOK_EVERY_S)

    async def plan_due(self) -> None:
        """Queue the runs of each schedule whose time has come: one for every slot, the last ten at most."""
        for schedule in await self._desk.kept.due():
            try:
                await self._plan(schedule)
            except OpenRideError:
                raise
            except Exception:  # one that cannot be read any more, of a zone that is gone: others are due
                logger.exception("Report not planned", extra={"schedule_id": schedule.schedule_id})

    async def _plan(self, schedule: Schedule) -> None:
        assert schedule.next_run_at is not None, "what is due has a time"
        now = self._desk.kept.now()
        slots = slots_until(schedule.frequency, schedule.timezone, schedule.next_run_at, now)
        runs = [
            run_of(schedule, slot, "late" if now - slot > _LATE else "scheduled", now)
            for slot in slots[-_ON_RECORD:]
        ]
        for place, run in enumerate(runs[:-_MADE_LATE]):
            runs[place] = replace(run, status="failed", error=_LEFT_OUT, finished_at=now)
        following = next_slot(schedule.frequency, schedule.timezone, now)
        if await self._desk.kept.plan(schedule, runs, following):
            told = {"schedule_id": schedule.schedule_id, "slot": runs[-1].slot, "slots": len(slots)}
            logger.info("Report due", extra=told)

    async def make_waiting(self) -> None:
        """Make what waits, until nothing does."""
        while (run := await self._desk.kept.claim(self._worker, LEASE_S)) is not None:
            async with self._held(run):
                outcome = await self._made(run)
            self._metrics.reports_total.labels(outcome).inc()
            logger.info("Report ended", extra={"execution_id": run.execution_id, "outcome": outcome})

    @contextlib.asynccontextmanager
    async def _held(self, run: Execution) -> AsyncIterator[None]:
        """Within the block the run's lease is renewed."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(LEASE_S / 4)
                with contextlib.suppress(Transient):
                    await self._desk.kept.renew(run, LEASE_S)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _made(self, run: Execution) -> str:
        kept = self._desk.kept
        schedule = await kept.schedule(run.schedule_id)
        if schedule is None:
            await kept.fail(run, "its schedule is gone")
            return "failed"
        if run.attempts > TRIES:
            await self._failed(run, schedule, f"{run.attempts - 1} workers ended while they made it")
            return "failed"
        try:
            await self._make(run, schedule)
        except Exception as error:
            return await self._unmade(run, schedule, error)
        return "completed"

    async def _unmade(self, run: Execution, schedule: Schedule, error: Exception) -> str:
        text = str(error) if isinstance(error, OpenRideError) else f"{type(error).__name__}: {error}"
        if isinstance(error, Transient) and run.attempts < TRIES:
            await self._desk.kept.put_off(run, text, _PAUSES_S[run.attempts - 1])
            return "put_off"
        if not isinstance(error, OpenRideError):
            logger.error("Report failed", exc_info=error, extra={"execution_id": run.execution_id})
        await self._failed(run, schedule, text)
        return "failed"

    async def _failed(self, run: Execution, schedule: Schedule, why: str) -> None:
        # As it is on record: this try may have been taken by mail before its webhook refused.
        now = await self._desk.kept.execution(run.execution_id) or run
        if await self._desk.kept.fail(run, why):
            await self._courier.tell_failed(now, schedule, why)

    async def _make(self, run: Execution, schedule: Schedule) -> None:
        asked = self._asked(run, schedule)
        sections = await contents(self._reader, type_of(schedule), asked)
        form = format_of(schedule)
        content = await asyncio.to_thread(file_of, schedule.report_name, sections, form, self._fonts)
        filename = safe_name(f"{schedule.report_name} {first_day(run, schedule)}", SUFFIXES[form])
        await self._keep(run, content, SUFFIXES[form], Named(filename, CONTENT_TYPES[form]))
        made = Made(sections, filename, content)
        await self._courier.deliver(run, schedule, made)
        # Where it is not, somebody else has it now, or its schedule is gone.
        await self._desk.kept.complete(run, rows_in(sections), filename, len(content))

    def _asked(self, run: Execution, schedule: Schedule) -> Asked:
        parameters = parameters_of(schedule)
        kind = parameters.range or usual_range(schedule.frequency)
        span = (run.range_start, run.range_end)
        return asked_of(span, kind, schedule.timezone, parameters, self._settings.currency)

    async def _keep(self, run: Execution, content: bytes, suffix: str, named: Named) -> None:
        work = self._desk.files.begin(run.execution_id, run.attempts)
        try:
            try:
                await asyncio.to_thread((work / "file").write_bytes, content)
            except OSError as error:
                raise self._desk.files.unwritten(error) from error
            await self._desk.files.keep(work / "file", run.execution_id, suffix, named)
        finally:
            self._desk.files.discard(work)

    async def clear(self) -> None:
        """Forget executions whose time is over, and delete their files."""
        kept = timedelta(days=self._settings.reports_retention_days)
        for execution_id in await self._desk.kept.expire(kept):
            await self._desk.files.remove(execution_id)
        await self._desk.files.sweep(self._desk.kept.known)

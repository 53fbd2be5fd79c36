"""How a report reaches who waits for it: by mail, then by its webhook, each once."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from openride_stream.errors import OpenRideError, Transient
from openride_stream.metadata.reports import Execution, Reports, Schedule
from openride_stream.reports.files import CONTENT_TYPES
from openride_stream.reports.mail import Attached, message, notice
from openride_stream.reports.service import format_of
from openride_stream.reports.smtp import MailPartlyRefused, deliver
from openride_stream.reports.webhook import Webhooks, body_of
from openride_stream.settings import Settings
from openride_stream.sheets.sections import Section

logger = logging.getLogger(__name__)

LEASE_S: Final = 60.0
TRIES: Final = 4
"""A report that fails at the last of them has failed."""
_ON_RECORD_S: Final = (0.2, 1.0, 5.0, 10.0, 20.0)
"""Pauses in which the metadata store may come back to be told that a report was taken."""
_LAST_WORD_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Made:
    """A report: what is in it, and its file."""

    sections: Sequence[Section]
    filename: str
    content: bytes


class Courier:
    """Takes reports to their recipients; what was taken is on record before anything else."""

    def __init__(self, kept: Reports, settings: Settings) -> None:
        self._kept = kept
        self._settings = settings
        self._hooks = Webhooks(settings)

    async def deliver(self, run: Execution, schedule: Schedule, made: Made) -> None:
        """Mail the report and post it, unless that was done; who is refused for good is on record.

        Raises:
            Transient, Rejected: of a channel that does not take it; what others took is on record.
        """
        if run.delivered_at is None and await self._kept.renew(run, LEASE_S):
            await self._to_its_end(self._mailed(run, schedule, made))
        if schedule.webhook_url and run.posted_at is None and await self._kept.renew(run, LEASE_S):
            await self._to_its_end(self._posted(run, schedule, made))

    async def tell_failed(self, run: Execution, schedule: Schedule, why: str) -> None:
        """Say to those who wait for it that it does not come, and to its webhook why; as far as that goes."""
        if schedule.webhook_url and run.posted_at is None:
            told = f"{why}; {run.refused}" if run.refused else why
            with _at_will(run):
                await self._hooks.post(
                    schedule.webhook_url, body_of(run, schedule, error=told), f"{run.execution_id}-failed"
                )
        if run.delivered_at is None:
            mail = notice(
                execution_id=run.execution_id,
                subject=f"{schedule.report_name}: {first_day(run, schedule)} could not be made",
                recipients=orjson.loads(schedule.recipients),
                settings=self._settings,
            )
            with _at_will(run):
                await deliver(mail, f"{run.execution_id}-failed", self._settings)

    async def _to_its_end(self, sent: Awaitable[None]) -> None:
        sending = asyncio.ensure_future(sent)
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            # What is under way may be taken: who stops now, and does not say so, has it sent again.
            await asyncio.wait({sending}, timeout=_LAST_WORD_S)
            sending.cancel()
            raise

    async def _mailed(self, run: Execution, schedule: Schedule, made: Made) -> None:
        small = len(made.content) <= self._settings.reports_attachment_bytes
        mail = message(
            execution_id=run.execution_id,
            subject=f"{schedule.report_name}: {first_day(run, schedule)}",
            recipients=orjson.loads(schedule.recipients),
            sections=made.sections,
            remarks=_remarks(run, schedule),
            link=self._link(run),
            attached=Attached(
                made.filename, CONTENT_TYPES[format_of(schedule)], made.content if small else None
            ),
            settings=self._settings,
        )
        refused = None
        try:
            patient = run.attempts < TRIES
            await deliver(mail, run.execution_id, self._settings, patient=patient)
        except MailPartlyRefused as error:
            refused = str(error)
            logger.warning("Report not for all", extra={"execution_id": run.execution_id, "error": refused})
        await _on_record(lambda: self._kept.delivered(run, refused))

    async def _posted(self, run: Execution, schedule: Schedule, made: Made) -> None:
        assert schedule.webhook_url, "asked by the caller"
        body = body_of(
            run, schedule, made.sections, made.filename, size_bytes=len(made.content), link=self._link(run)
        )
        await self._hooks.post(schedule.webhook_url, body, run.execution_id)
        await _on_record(lambda: self._kept.posted(run))

    def _link(self, run: Execution) -> str:
        own = f"http://{self._settings.web_host}:{self._settings.web_port}"
        address = self._settings.reports_url.rstrip("/") or own
        return f"{address}/v1/reports/executions/{run.execution_id}/download"


@contextlib.contextmanager
def _at_will(run: Execution) -> Iterator[None]:
    try:
        yield
    except OpenRideError as error:
        told = {"execution_id": run.execution_id, "error": str(error)}
        logger.warning("A report's failure is not told", extra=told)


async def _on_record(say: Callable[[], Awaitable[bool]]) -> None:
    for pause_s in _ON_RECORD_S:
        with contextlib.suppress(Transient):
            await say()
            return
        await asyncio.sleep(pause_s)
    await say()


def first_day(run: Execution, schedule: Schedule) -> str:
    """The first day of the range, in the zone of the schedule."""
    return f"{run.range_start.astimezone(ZoneInfo(schedule.timezone)):%Y-%m-%d}"


def _remarks(run: Execution, schedule: Schedule) -> list[str]:
    if run.trigger != "late":
        return []
    due = f"{run.due_at.astimezone(ZoneInfo(schedule.timezone)):%Y-%m-%d %H:%M} ({schedule.timezone})"
    return [f"This report was due at {due} and is late: no worker ran then."]

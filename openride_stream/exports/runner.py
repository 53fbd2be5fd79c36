"""What one worker does for exports: writes those that wait, and clears away those whose time is over."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from openride_stream.errors import OpenRideError, Rejected, Transient
from openride_stream.exports.files import CONTENT_TYPES, SUFFIXES, Named
from openride_stream.exports.process import writing
from openride_stream.exports.service import Exports, format_of
from openride_stream.exports.writing.task import Told, WritingTask
from openride_stream.metadata.exports import Export
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

LEASE_S: Final = 30.0
_LOOK_EVERY_S: Final = 1.0
_CLEAR_EVERY_S: Final = 60.0
_AFTER_TROUBLE_S: Final = 10.0
_LAST_WORD_S: Final = 2.0
_FILE: Final = "file"


class ExportRunner:
    """Writes exports, `OPENRIDE_EXPORTS_AT_ONCE` at a time; `run` goes on until it is cancelled."""

    def __init__(
        self, exports: Exports, worker: str, metrics: Metrics, settings: Settings, lease_s: float = LEASE_S
    ) -> None:
        self._exports = exports
        self._worker = worker
        self._metrics = metrics
        self._settings = settings
        self._lease_s = lease_s

    async def run(self) -> None:
        """Look for exports and write them, until cancelled; what is under way is given back then."""
        at_once = self._settings.exports_at_once
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._every(_CLEAR_EVERY_S, self.clear))
            for _ in range(at_once):
                loops.create_task(self._every(_LOOK_EVERY_S, self.write_waiting))

    async def _every(self, interval_s: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            pause_s = interval_s
            try:
                await work()
            except (OpenRideError, OSError) as error:
                # No reason to end a worker: ingest and answers do not need exports.
                logger.warning("Exports put off", extra={"error": str(error)})
                pause_s = max(interval_s, _AFTER_TROUBLE_S)
            await asyncio.sleep(pause_s)

    async def write_waiting(self) -> None:
        """Write what waits, one after the other, until nothing does."""
        while (export := await self._exports.jobs.claim(self._worker, self._lease_s)) is not None:
            await self.write(export)

    async def write(self, export: Export) -> None:
        """Write one export that this worker has claimed, and say what became of it."""
        logger.info("Export begins", extra={"export_id": export.export_id, "attempt": export.attempts})
        work: Path | None = None
        try:
            work = self._exports.files.begin(export.export_id, export.attempts)
            last = await self._written(export, work)
            outcome = await self._settled(export, work, last)
        except (Transient, Rejected) as error:
            last = Told(error=str(error), transient=isinstance(error, Transient))
            outcome = await self._unwritten(export, last)
        except asyncio.CancelledError:
            with suppress(Transient, TimeoutError):
                async with asyncio.timeout(_LAST_WORD_S):
                    await self._exports.jobs.give_back(export)
            raise
        except Exception as error:
            logger.exception("Export failed", extra={"export_id": export.export_id})
            outcome = await self._unwritten(export, Told(error=f"{type(error).__name__}: {error}"))
        finally:
            if work is not None:
                self._exports.files.discard(work)
        self._metrics.exports_total.labels(export.format, outcome).inc()
        logger.info("Export ended", extra={"export_id": export.export_id, "outcome": outcome})

    async def _written(self, export: Export, work: Path) -> Told | None:
        """The last word of the writing process; None when the export was cancelled or taken over."""
        query, columns = await self._exports.raw_query(export)
        task = WritingTask(
            query=query,
            form=export.format,
            path=str(work / _FILE),
            columns=[(column.name, column.type) for column in columns],
            max_bytes=self._settings.exports_file_bytes,
        )
        last = Told()
        async with writing(task) as process:
            listening = asyncio.create_task(_last(process.told(), heard := [last]))
            try:
                while not (await asyncio.wait({listening}, timeout=self._pause_s))[0]:
                    if not await self._still_ours(export, heard[-1]):
                        return None
                return listening.result()
            finally:
                listening.cancel()

    @property
    def _pause_s(self) -> float:
        """Between two looks at an export that is written: a cancelled one ends within it."""
        return min(1.0, self._lease_s / 4)

    async def _still_ours(self, export: Export, told: Told) -> bool:
        try:
            return await self._exports.jobs.progress(export, self._lease_s, told.rows, told.size_bytes)
        except Transient as error:
            logger.warning("Lease not renewed", extra={"export_id": export.export_id, "error": str(error)})
            return True

    async def _settled(self, export: Export, work: Path, last: Told | None) -> str:
        if last is None:
            return "cancelled"
        if not last.done:
            return await self._unwritten(export, last)
        # Before it is said to be there; who took over meanwhile puts an equal one over it.
        kept = await self._kept(export, work, last)
        if kept and await self._exports.jobs.complete(export, last.rows, last.size_bytes):
            return "completed"
        found = await self._exports.jobs.find(export.export_id)
        if found is None or found.status == "cancelled":
            await self._exports.files.remove(export.export_id)
        return "cancelled"

    async def _kept(self, export: Export, work: Path, last: Told) -> bool:
        """Put the file in its place, however long that takes; False when it is no longer ours to put."""
        form = format_of(export)
        named = Named(export.filename, CONTENT_TYPES[form])
        keeping = asyncio.create_task(
            self._exports.files.keep(work / _FILE, export.export_id, SUFFIXES[form], named)
        )
        try:
            while not (await asyncio.wait({keeping}, timeout=self._pause_s))[0]:
                if not await self._still_ours(export, last):
                    return False
            keeping.result()
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        return True

    async def _unwritten(self, export: Export, last: Told) -> str:
        """What cannot be made fails; what may work out the next time is tried again, once."""
        if last.transient and export.attempts == 1:
            # Left to its lease, so that the store has time to come back.
            logger.warning("Export put off", extra={"export_id": export.export_id, "error": last.error})
            return "put_off"
        return "failed" if await self._exports.jobs.fail(export, last.error) else "cancelled"

    async def clear(self) -> None:
        """Delete files whose time is over, then what workers that died have left behind."""
        for export in await self._exports.jobs.expired():
            await self._exports.files.remove(export.export_id)
            await self._exports.jobs.remove(export.export_id)
        await self._exports.files.sweep(self._exports.jobs.known)


async def _last(told: AsyncIterator[Told], heard: list[Told]) -> Told:
    async for word in told:
        heard.append(word)
        del heard[:-1]
    return heard[-1]

"""Scheduled clean-up: old executions go once a day, once in the cluster, and that is on record."""

import asyncio
import logging
from typing import Final

from openride_stream.clickhouse.cleanup import Cleaned, clean_up
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import Clock, rfc3339
from openride_stream.errors import Rejected, Transient
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.jobs import JobRuns, slot_of
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

JOB: Final = "schedule_cleanup"
WHO: Final = "OPENRIDE_SCHEDULE_CLEANUP_DAYS"
"""Who had them go, in `schedule_cleanups`."""
_LOOK_EVERY_S: Final = 60.0
_DAY_S: Final = 86_400.0
_LEASE_S: Final = 60.0


class ScheduledCleanup:
    """What one worker does for it; partitions are dropped, and mutations wait for no insert."""

    def __init__(
        self, store: ClickHouse, metadata: Metadata, clock: Clock, worker: str, settings: Settings
    ) -> None:
        self._store = store
        self._runs = JobRuns(metadata, clock)
        self._clock = clock
        self._worker = worker
        self._days = settings.schedule_cleanup_days

    async def run(self) -> None:
        """Look every minute whether today's is still to be done; without the setting wait for the end."""
        while True:
            if self._days:
                try:
                    await self.once()
                except (Transient, Rejected) as error:
                    logger.warning("Clean-up of schedules put off", extra={"error": str(error)})
            await asyncio.sleep(_LOOK_EVERY_S)

    async def once(self) -> Cleaned | None:
        """Today's clean-up, unless some worker has done it or does it.

        One that fails, or whose worker dies, is begun again by whoever looks first once its lease is over:
        what has gone is gone, and the same call deletes the rest.

        Raises:
            StoreUnavailable: a part may be gone.
            MetadataUnavailable: nobody can say whose turn it is.
        """
        slot = slot_of(self._clock.now_ms(), _DAY_S)
        if not await self._runs.claim(JOB, slot, self._worker, _LEASE_S, alone=True):
            return None
        async with self._runs.kept(JOB, slot, self._worker, _LEASE_S):
            cleaned = await clean_up(self._store, self._clock, self._days, WHO, dry_run=False)
        await self._runs.finish(JOB, slot, self._worker, "completed")
        told = {"before": rfc3339(cleaned.before_ms), "executions": cleaned.executions}
        logger.warning("Schedule executions cleaned up", extra={"caller": WHO, **told})
        return cleaned

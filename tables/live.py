"""The live tables of one worker: what it saw goes to the changelog, and the changelog of all is its state."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from openride_stream.clock import Clock
from openride_stream.errors import BrokerUnavailable
from openride_stream.events.records import RecordBatch
from openride_stream.kafka.changelog import Change, ChangelogReader, ChangelogWriter
from openride_stream.settings import Settings
from tables.changes import decoded, encoded
from tables.realtime import Figures, figures
from tables.series import HOUR_MS
from tables.sightings import AHEAD_MS, sightings
from tables.state import LiveState

logger = logging.getLogger(__name__)

_READ_TIMEOUT_S: Final = 0.5
_SETTLE_INTERVAL_S: Final = 1.0
_PAUSE_S: Final = 1.0
# A row is written when its events are read; clocks of workers may differ by a few minutes.
_SLACK_MS: Final = 600_000
_STALE_MS: Final = 3_000


class LiveTables:
    """Writes, reads and answers. Opened and closed with the app; used on its event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._live_ms = settings.live_hours * HOUR_MS
        self._state = LiveState(self._live_ms)
        self._writer: ChangelogWriter | None = None
        self._reader: ChangelogReader | None = None
        self._clock: Clock | None = None
        self.as_of_ms: int | None = None
        """Up to when the state holds everything that was written (since the epoch); None: not yet known."""

    async def open(self, clock: Clock, *, misreports_end: bool) -> None:
        """Connect; the state fills once `run` is running.

        `misreports_end` is what `broker_misreports_end` said.
        """
        self._clock = clock
        since_ms = clock.now_ms() - max(self._live_ms, HOUR_MS) - AHEAD_MS - _SLACK_MS
        self._writer = await ChangelogWriter.open(self._settings)
        self._reader = await ChangelogReader.open(self._settings, since_ms, misreports_end)

    async def apply(
        self, batch: RecordBatch, rows: Sequence[dict[str, Any]], owe: Callable[[], Callable[[], None]]
    ) -> None:
        """Take the accepted events of one batch; waits while the changelog is not written.

        `owe` is called when the batch has something to write, and its answer once that is written.
        """
        writer, clock = self._opened()
        if added := sightings(batch.topic, rows, clock.now_ms(), self._live_ms):
            await writer.write(Change(batch.partition, encoded(added), owe()))

    async def run(self) -> None:
        """Write and read until cancelled."""
        writer, _ = self._opened()
        writing = asyncio.create_task(writer.run())
        reading = asyncio.create_task(self._read())
        try:
            done, _ = await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (writing, reading):
                task.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)

    async def drain(self, timeout_s: float) -> bool:
        """Return when all that was applied is written; False when it was not within `timeout_s`."""
        return await self._writer.drain(timeout_s) if self._writer else True

    async def close(self) -> None:
        """Disconnect."""
        for connection in (self._writer, self._reader):
            if connection is not None:
                await connection.close()
        self._writer = self._reader = None

    def figures(self, now_ms: int, currency: str) -> Figures:
        """The contract's realtime figures at `now_ms` (since the epoch), revenue in `currency`."""
        return figures(self._state, now_ms, currency)

    def trouble(self, now_ms: int) -> str | None:
        """Why the figures may be incomplete; None when they are whole."""
        if self.as_of_ms is None:
            return "live tables are being read"
        behind_ms = now_ms - self.as_of_ms
        return f"live tables are {behind_ms / 1000:.0f} s behind" if behind_ms > _STALE_MS else None

    def sizes(self) -> dict[str, int]:
        """How many identities each live table holds."""
        return self._state.sizes()

    async def _read(self) -> None:
        reader, clock = self._reader, self._clock
        assert reader is not None, "opened before it runs"
        assert clock is not None, "opened before it runs"
        settled_s = clock.monotonic_s()
        while True:
            asked_ms = clock.now_ms()
            try:
                rows = await reader.read(_READ_TIMEOUT_S)
            except BrokerUnavailable as error:
                # Not worth a worker: events are stored without it, and `as_of` says how old the state is.
                logger.warning("Live tables are not read", extra={"error": str(error)})
                await asyncio.sleep(_PAUSE_S)
                continue
            for row in rows:
                self._take(row, clock.now_ms())
            if await reader.caught_up():
                self.as_of_ms = asked_ms
            if clock.monotonic_s() - settled_s >= _SETTLE_INTERVAL_S:
                self._state.settle(clock.now_ms())
                settled_s = clock.monotonic_s()

    def _take(self, row: bytes, now_ms: int) -> None:
        try:
            self._state.add(decoded(row), now_ms)
        except ValueError as error:
            logger.warning("Live tables: a row is skipped", extra={"error": str(error)})

    def _opened(self) -> tuple[ChangelogWriter, Clock]:
        assert self._writer is not None, "not open"
        assert self._clock is not None, "not open"
        return self._writer, self._clock

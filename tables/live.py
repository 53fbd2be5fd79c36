"""The live tables of one worker: what it saw goes to the changelog, and the changelog of all is its state."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import Clock
from openride_stream.errors import BrokerUnavailable, StoreRefused, StoreUnavailable
from openride_stream.events.accept import Accepted
from openride_stream.events.records import RecordBatch
from openride_stream.kafka.changelog import ChangelogWriter
from openride_stream.kafka.changelog_reader import ChangelogReader
from openride_stream.settings import Settings
from tables.arrivals import Arrived
from tables.changes import decoded, encoded, lacks_places
from tables.placed import lacks_pickups
from tables.placed_series import ROUTES
from tables.progress import Progress
from tables.realtime import Figures, figures
from tables.refill import refilled
from tables.refill_placed import origins
from tables.saving import Saving
from tables.series import HOUR_MS
from tables.sightings import AHEAD_MS, SLACK_MS, oldest_of_use_ms, sightings
from tables.state import LiveState
from tables.watch import AnomalyWatch, Judgement

logger = logging.getLogger(__name__)

_READ_TIMEOUT_S: Final = 0.5
_PAUSE_S: Final = 1.0
_STALE_MS: Final = 3_000
_ORIGINS_INTERVAL_S: Final = 1.0
# By then what a worker of the version before has seen is in ClickHouse.
_COMPLETED_AFTER_S: Final = 60.0


class LiveTables:
    """Writes, reads and answers. Opened and closed with the app; used on its event loop."""

    def __init__(self, settings: Settings, watch: AnomalyWatch | None = None) -> None:
        self._settings = settings
        self._watch = watch
        self._live_ms = settings.live_hours * HOUR_MS
        self._state = LiveState(self._live_ms)
        self._saving = Saving.of(settings)
        self._writer: ChangelogWriter | None = None
        self._reader: ChangelogReader | None = None
        self._clock: Clock | None = None
        self._store: ClickHouse | None = None
        self._whole = False
        self._complete_at_s: float | None = None
        self.as_of_ms: int | None = None
        """Up to when the state holds everything that was written (since the epoch); None: not yet known."""

    async def open(self, clock: Clock, store: ClickHouse, *, misreports_end: bool) -> None:
        """Connect; the state fills once `run` is running, from `store` what the changelog has not.

        `misreports_end` is what `broker_misreports_end` said. Raises `BrokerUnavailable`.
        """
        self._clock, self._store = clock, store
        self._writer = await ChangelogWriter.open(self._settings)
        self._reader = await ChangelogReader.open(self._settings, misreports_end)
        saving, since_ms = self._saving, self._since_ms(clock.now_ms())
        if saving is None or not await saving.restored(self._state, self._reader, since_ms, clock):
            self._state = LiveState(self._live_ms)
            await self._reader.rewind(since_ms)

    async def apply(
        self, batch: RecordBatch, accepted: Accepted, owe: Callable[[], Callable[[], None]]
    ) -> None:
        """Take the accepted events of one batch; waits while the changelog is not written.

        `owe` is called when the batch has something to write, and its answer once that is written.
        """
        assert self._writer is not None, "not open"
        assert self._clock is not None, "not open"
        now_ms = self._clock.now_ms()
        arrived = Arrived.of(batch.records, now_ms)
        if added := sightings(batch.topic, accepted, now_ms, self._live_ms, arrived):
            await self._writer.write(encoded(added), owe())

    async def run(self) -> None:
        """Read until cancelled, or until a write fails for good."""
        assert self._writer is not None, "not open"
        work = [self._read(), self._ask_for_origins(), *([self._watch.run(self)] if self._watch else [])]
        tasks = [*map(asyncio.create_task, work)]
        try:
            done, _ = await asyncio.wait({*tasks, self._writer.failed}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for running in tasks:
                running.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self, timeout_s: float) -> bool:
        """Return when all that was applied is written; False when it was not within `timeout_s`."""
        return await self._writer.drain(timeout_s) if self._writer else True

    async def close(self) -> None:
        """Disconnect."""
        if self._saving is not None and self._reader is not None and self._clock is not None:
            await self._saving.close(self._reader, self._clock.now_ms())
        await asyncio.gather(*(part.close() for part in (self._reader, self._writer) if part is not None))
        self._writer = self._reader = None

    @property
    def state(self) -> LiveState:
        """What is known: what `tables` computes figures from. Another one after a clock has jumped."""
        return self._state

    @property
    def judgement(self) -> Judgement:
        """What of the last hour is unusual."""
        return self._watch.judgement if self._watch else Judgement(why="nobody watches")

    def figures(self, now_ms: int, currency: str) -> Figures:
        """The contract's realtime figures at `now_ms` (since the epoch), revenue in `currency`."""
        return figures(self._state, now_ms, currency)

    @property
    def known_since_ms(self) -> int | None:
        """When the oldest row was written that is read (since the epoch); None: none is."""
        return self._reader.first_written_ms if self._reader else None

    def trouble(self, now_ms: int) -> str | None:
        """Why the figures may be incomplete; None when they are whole."""
        if self.as_of_ms is None:
            return "live tables are being read"
        if (unwritten := self.unwritten) is not None:
            return unwritten
        behind_ms = now_ms - self.as_of_ms
        return f"live tables are {behind_ms / 1000:.0f} s behind" if behind_ms > _STALE_MS else None

    @property
    def unwritten(self) -> str | None:
        """Why what this worker sees is not written, which holds up its acks; None when it is."""
        return self._writer.trouble if self._writer else None

    def sizes(self) -> dict[str, int]:
        """How many facts each live table holds."""
        return self._state.sizes()

    async def _read(self) -> None:
        reader, clock = self._reader, self._clock
        assert reader is not None, "opened before it runs"
        assert clock is not None, "opened before it runs"
        progress = Progress(reader, clock)
        while True:
            try:
                for row in await reader.read(_READ_TIMEOUT_S):
                    self._take(row, clock)
                if self._saving is not None:
                    await self._saving.save_if_due(reader, clock)
                if progress.is_due():
                    self._state.settle(clock.now_ms())
                    if await progress.has_broken():
                        await self._begin_anew(reader, clock)
                        progress.begins_anew()
                if (reached_ms := await progress.reached_ms()) is not None:
                    await self._fill(reader, clock)
                    self.as_of_ms = reached_ms
            except (BrokerUnavailable, StoreUnavailable, StoreRefused) as error:
                # Not worth a worker: events are stored without it, and `as_of` says how old the state is.
                logger.warning("Live tables are not read", extra={"error": str(error)})
                await asyncio.sleep(_PAUSE_S)

    async def _begin_anew(self, reader: ChangelogReader, clock: Clock) -> None:
        """Forget everything and read again, as a worker does that starts: so all workers know the same."""
        logger.warning("Live tables are read again: the clock jumped, or the topic was made again")
        self.as_of_ms = None
        if self._saving is not None:
            await self._saving.forget()
        await reader.rewind(self._since_ms(clock.now_ms()))
        self._state, self._whole = LiveState(self._live_ms), False

    async def _fill(self, reader: ChangelogReader, clock: Clock) -> None:
        """Take from ClickHouse what is older than the changelog, or left out of it by workers of before."""
        lacking = self._complete_at_s is not None and clock.monotonic_s() >= self._complete_at_s
        if self._whole and not lacking:
            return
        assert self._store is not None, "opened before it runs"
        now_ms = clock.now_ms()
        first_ms = reader.first_written_ms
        if lacking or first_ms is None or first_ms > now_ms - oldest_of_use_ms(self._live_ms):
            self._state.add(await refilled(self._store, now_ms, self._live_ms), now_ms)
        self._whole = True
        if lacking:
            self._complete_at_s = None

    async def _ask_for_origins(self) -> None:
        """Have ClickHouse say where the routes begin that facts name, each once it is known."""
        assert self._store is not None, "opened before it runs"
        assert self._clock is not None, "opened before it runs"
        while True:
            state = self._state
            named = state.window(ROUTES, self._clock.now_ms())
            try:
                while routes := state.origins.wanted(named, self._clock.monotonic_s()):
                    state.origins.learn(await origins(self._store, routes))
            except (StoreUnavailable, StoreRefused) as error:
                logger.warning("Where routes begin is not known", extra={"error": str(error)})
            await asyncio.sleep(_ORIGINS_INTERVAL_S)

    def _since_ms(self, now_ms: int) -> int:
        """When the oldest row was written that can still matter."""
        return now_ms - oldest_of_use_ms(self._live_ms) - AHEAD_MS - SLACK_MS

    def _take(self, row: bytes, clock: Clock) -> None:
        try:
            self._state.add(added := decoded(row), clock.now_ms())
            if self._saving is not None:
                self._saving.took(added)
            lacking = lacks_places(row) or lacks_pickups(added, clock.now_ms())
            if self._complete_at_s is None and lacking:
                self._complete_at_s = clock.monotonic_s() + _COMPLETED_AFTER_S
        except ValueError as error:
            logger.warning("Live tables: a row is skipped", extra={"error": str(error)})

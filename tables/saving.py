"""Keeping live facts on disk while they are read (`OPENRIDE_LIVE_STORE=rocksdb`), and beginning with them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Self, TypeVar

from openride_stream.clock import Clock
from openride_stream.kafka.changelog_reader import ChangelogReader
from openride_stream.settings import Settings
from tables.series import HOUR_MS, Facts, Series
from tables.state import LiveState
from tables.store import FactStore, Saved, StoreLostError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_INTERVAL_S: Final = 10.0
# What waits to be saved must not grow without bound while hours are read.
_MOST_FACTS: Final = 2_000_000
_CLOCKS_DIFFER_MS: Final = 600_000


class Saving:
    """One worker's store; without a disk that takes it the worker goes on without. On one event loop."""

    def __init__(self, store: FactStore) -> None:
        self._store: FactStore | None = store
        self._thread = ThreadPoolExecutor(1, "live-store")
        self._taken: list[Mapping[Series, Facts]] = []
        self._facts = 0
        self._saved_s = float("-inf")

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """That of the settings; None where live tables are in memory only."""
        if settings.live_store == "memory":
            return None
        # Workers of one machine share the folder, and each has a port.
        folder = settings.data_dir / "live" / str(settings.web_port)
        layout = {"partitions": settings.topic_partitions, "hours": settings.live_hours}
        return cls(FactStore(folder, layout, settings.live_hours * HOUR_MS))

    async def restored(self, state: LiveState, reader: ChangelogReader, since_ms: int, clock: Clock) -> bool:
        """Whether `state` has what was saved, and `reader` goes on behind that.

        When it has not, both are to begin anew. `since_ms` is when the oldest row was written that matters.

        Raises:
            BrokerUnavailable: no broker answered.
        """
        assert self._store is not None, "asked once"
        now_ms = clock.now_ms()
        try:
            saved = await self._threaded(self._store.open)
        except StoreLostError as error:
            self._go_without(error)
            return False
        if saved is None:
            return False
        is_of_use = since_ms < saved.saved_ms <= now_ms + _CLOCKS_DIFFER_MS
        if not is_of_use or not await reader.resume(saved.places, saved.first_written_ms):
            await self.forget()
            return False
        try:
            saved_facts: list[dict[Series, Facts]] = await self._threaded(list, self._store.facts())
            for facts in saved_facts:
                state.add(facts, now_ms)
                await asyncio.sleep(0)
        except StoreLostError as error:
            logger.warning("The store of live tables is damaged", extra={"error": str(error)})
            await self.forget()
            return False
        self._saved_s = clock.monotonic_s()
        return True

    def took(self, added: Mapping[Series, Facts]) -> None:
        """Remember what a row of the changelog added."""
        if self._store is not None:
            self._taken.append(added)
            self._facts += sum(map(len, added.values()))

    async def save_if_due(self, reader: ChangelogReader, clock: Clock) -> None:
        """Save what was taken since, every ten seconds. All that `reader` has handed out is taken."""
        now_s = clock.monotonic_s()
        if self._store is not None and (now_s - self._saved_s >= _INTERVAL_S or self._facts > _MOST_FACTS):
            self._saved_s = now_s
            await self._save(self._store, reader, clock.now_ms())

    async def forget(self) -> None:
        """Begin with an empty store."""
        self._taken, self._facts = [], 0
        if (store := self._store) is None:
            return
        try:
            await self._threaded(store.throw_away)
            await self._threaded(store.open)
        except StoreLostError as error:
            self._go_without(error)

    async def close(self, reader: ChangelogReader, now_ms: int) -> None:
        """Save the rest."""
        if (store := self._store) is not None:
            await self._save(store, reader, now_ms)
            await self._threaded(store.close)
            self._store = None
        self._thread.shutdown(wait=False)

    async def _threaded(self, call: Callable[..., T], *given: Any) -> T:
        # One after the other, also where somebody who waits for one is cancelled.
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *given)

    async def _save(self, store: FactStore, reader: ChangelogReader, now_ms: int) -> None:
        taken, self._taken, self._facts = self._taken, [], 0
        saved = Saved(now_ms, reader.first_written_ms, await reader.places())
        try:
            await self._threaded(store.write, taken, saved)
        except StoreLostError as error:
            # It is not known what of it is there.
            await self._threaded(store.throw_away)
            self._go_without(error)

    def _go_without(self, error: StoreLostError) -> None:
        logger.error("Live tables are kept in memory only", extra={"error": str(error)})
        self._store, self._taken, self._facts = None, [], 0

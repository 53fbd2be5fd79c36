"""How much memory a worker, the store and what the worker starts take meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from bench import vitals

_LOOK_EVERY_S: Final = 0.1


@dataclass
class Memory:
    """MiB: by how much a worker and the store have grown at most, and the most that a child has held."""

    worker_grew_mb: float = 0.0
    store_grew_mb: float = 0.0
    child_peak_mb: float = 0.0


@asynccontextmanager
async def memory_of(worker: int, store: int) -> AsyncIterator[Memory]:
    """Look at the processes of these ids, and at the worker's children, within the block."""
    most = Memory()
    before_mb = vitals.rss_mb(worker), vitals.rss_mb(store)

    async def look() -> None:
        while True:
            most.worker_grew_mb = max(most.worker_grew_mb, vitals.rss_mb(worker) - before_mb[0])
            most.store_grew_mb = max(most.store_grew_mb, vitals.rss_mb(store) - before_mb[1])
            # One that ends while it is looked at has been seen a moment before.
            with suppress(OSError, StopIteration):
                peaks = [vitals.peak_rss_mb(child) for child in vitals.children(worker)]
                most.child_peak_mb = max([most.child_peak_mb, *peaks])
            await asyncio.sleep(_LOOK_EVERY_S)

    looking = asyncio.create_task(look())
    try:
        yield most
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

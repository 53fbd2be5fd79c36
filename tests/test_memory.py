"""Memory that is freed is used again, and given back in the end."""

import asyncio
import subprocess
import sys

import pytest

from openride_stream import memory

_BACKLOG = """
import asyncio, os
from contextlib import suppress
from openride_stream.memory import reuse_blocks, trimming

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024

def held_mb():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * PAGE_MB

async def main():
    reuse_blocks()
    before_mb = held_mb()
    backlog = [bytes(1 + place * 997 % 300_000) for place in range(2_000)]
    # Every other block stays: what is free lies between them, nothing at the heap's end.
    kept = backlog[::2]
    del backlog
    full_mb = held_mb()
    given_back = asyncio.create_task(trimming(interval_s=0.01))
    async with asyncio.timeout(20):
        while held_mb() > before_mb + 0.6 * (full_mb - before_mb):
            await asyncio.sleep(0.01)
    given_back.cancel()
    assert full_mb - before_mb > 100, full_mb
    assert len(kept) == 1_000

asyncio.run(main())
"""


def test_holes_in_the_heap_go_back_to_the_kernel() -> None:
    """What libc keeps cannot be changed back, so in a process of its own."""
    command = [sys.executable, "-c", _BACKLOG]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


async def test_a_libc_that_cannot_give_back_ends_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS and musl have no malloc_trim, and a background task that ends is taken for a failure."""
    asked = asyncio.Event()

    def missing() -> None:
        asked.set()

    monkeypatch.setattr(memory, "_trim", missing)
    trimming = asyncio.create_task(memory.trimming(interval_s=0))
    await asyncio.wait_for(asked.wait(), 5)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not trimming.done()
    trimming.cancel()

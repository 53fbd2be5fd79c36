"""Memory that is freed is used again, and given back in the end."""

import subprocess
import sys

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

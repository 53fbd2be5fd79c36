"""What the C library does with memory that is freed."""

import asyncio
import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_MEBIBYTE: Final = 1024 * 1024
_LARGEST_KEPT_BYTES: Final = 32 * _MEBIBYTE
"""The most that glibc takes."""
_KEPT_AT_END_BYTES: Final = 512 * _MEBIBYTE
_TRIM_INTERVAL_S: Final = 10.0


def reuse_blocks() -> None:
    """Have one heap whose freed blocks are used again, fetches and bodies of inserts too, if libc can.

    By itself glibc gets large blocks from the kernel one by one: to have their pages zeroed and mapped took
    a fifth of a worker's CPU. What such a heap keeps, `trimming` gives back.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_AT_END_BYTES)


async def trimming(interval_s: float = _TRIM_INTERVAL_S) -> None:
    """Give the kernel back what is free, wherever in the heap it lies, now and then, until cancelled.

    Without it a worker kept several hundred megabytes after a backlog, for good. Not every libc can do it.
    """
    trim = _trim()
    while True:
        await asyncio.sleep(interval_s)
        if trim is not None:
            await asyncio.to_thread(trim, 0)


def _trim() -> Callable[[int], Any] | None:
    """Libc's own, where it has one."""
    with suppress(OSError, AttributeError):
        found: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
        return found
    return None

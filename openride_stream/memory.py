"""What the C library does with memory that is freed."""

import ctypes
from contextlib import suppress
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 64 * 1024


def return_large_blocks() -> None:
    """Have blocks of 64 KiB and more go back to the kernel as soon as they are freed, if libc can.

    By itself glibc raises that limit to the largest block that it has seen freed, and then keeps fetches,
    columns and bodies of inserts in heaps full of holes: several hundred megabytes after a backlog, for good.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)

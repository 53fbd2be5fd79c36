"""On a worker's PYTHONPATH: its wall clock is off by the seconds (a double) in the file of FAULTS_CLOCK.

The file is read at every look at the clock, so that the clock can jump while the worker runs. Monotonic time
stays as it is, as it does when NTP or an operator sets the clock.
"""

import mmap
import os
import struct
import time

_seconds = struct.Struct("d")


def _shift_by(path: str) -> None:
    with open(path, "r+b") as file:
        shared = mmap.mmap(file.fileno(), _seconds.size)
    true_s, true_ns = time.time, time.time_ns

    def shifted_s() -> float:
        return true_s() + _seconds.unpack_from(shared)[0]

    def shifted_ns() -> int:
        return true_ns() + int(_seconds.unpack_from(shared)[0] * 1e9)

    time.time, time.time_ns = shifted_s, shifted_ns


if os.environ.get("FAULTS_CLOCK"):
    _shift_by(os.environ["FAULTS_CLOCK"])

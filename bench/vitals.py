"""What the kernel says of a process: time on the CPU and most memory held."""

import os
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Seconds that all threads of `pid` have spent in user and system mode, to the clock tick (10 ms)."""
    # The name, in brackets, may hold spaces: fields are counted from behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def peak_rss_mb(pid: int) -> float:
    """Most memory that `pid` has held, in MiB."""
    return _status_mb(pid, "VmHWM:")


def rss_mb(pid: int) -> float:
    """Memory that `pid` holds now, in MiB."""
    return _status_mb(pid, "VmRSS:")


def children(pid: int) -> list[int]:
    """The processes that `pid` has started, which run a program of their own by now, and have not ended.

    Until then they share the memory of `pid`, and it is counted as theirs.
    """
    own = _program(pid)
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for one in lists for child in one.read_text().split()]
    return [child for child in found if _program(child) not in (own, b"")]


def _program(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _status_mb(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith(name))
    return int(found.split()[1]) / 1024

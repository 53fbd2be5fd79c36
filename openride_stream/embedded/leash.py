"""A child that cannot outlive its parent, not even a parent that was killed with kill -9.

`leashed(argv)` wraps a command line. On Linux the wrapper asks the kernel for SIGKILL at its parent's
death and becomes the command. Elsewhere it stays as the command's parent and watches its own.
A limit of memory is set here as well: it must be in force before the command runs.
"""

import argparse
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_POLL_INTERVAL_S: Final = 0.5
_EXIT_ORPHANED: Final = 3


def leashed(argv: Sequence[str], parent_pid: int | None = None, memory_limit_bytes: int = 0) -> list[str]:
    """`argv` as a command line that ends with the process `parent_pid` (default: this one).

    `memory_limit_bytes` caps what the command may allocate; 0 is no cap.
    """
    # -I -S: the wrapper needs nothing of the environment and starts quicker without it.
    wrapper = [sys.executable, "-I", "-S", __file__]
    options = [
        "--parent-pid",
        str(parent_pid or os.getpid()),
        "--memory-limit-bytes",
        str(memory_limit_bytes),
    ]
    return [*wrapper, *options, "--", *argv]


def main() -> None:
    """Tie this process to its parent and become the command after `--`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent-pid", type=int, required=True)
    parser.add_argument("--memory-limit-bytes", type=int, default=0)
    parser.add_argument("argv", nargs="+")
    options = parser.parse_args()
    if options.memory_limit_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (options.memory_limit_bytes, options.memory_limit_bytes))
    if sys.platform == "linux":
        _become(options.argv, options.parent_pid)
    else:
        sys.exit(_watch_over(options.argv, options.parent_pid))


def _become(argv: list[str], parent_pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:  # it died before the kernel was asked
        sys.exit(_EXIT_ORPHANED)
    os.execvp(argv[0], argv)


def _watch_over(argv: list[str], parent_pid: int) -> int:
    child = subprocess.Popen(argv)
    signal.signal(signal.SIGTERM, lambda _signum, _frame: child.terminate())
    while child.poll() is None:
        if os.getppid() != parent_pid:
            child.kill()
            return _EXIT_ORPHANED
        time.sleep(_POLL_INTERVAL_S)
    return child.returncode


if __name__ == "__main__":
    main()

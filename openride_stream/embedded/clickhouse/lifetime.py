"""When this process may start and when it must end."""

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

_PARENT_POLL_S: Final = 0.5
UNSAFE_IN_ADDRESS: Final = frozenset("?&#%'\\\n")


class StartError(Exception):
    """This process cannot start; the message is for the person who started it."""


def claim_folder(folder: Path) -> IO[str]:
    """Create the folder and lock it for the life of this process.

    Returns:
        The open lock file: keep it, the lock goes with it.

    Raises:
        StartError: another process has the folder, or it cannot be written.
    """
    if UNSAFE_IN_ADDRESS & set(str(folder)):
        msg = f"the folder's name may not contain any of ?&#%'\\: {folder}"
        raise StartError(msg)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "in-use.lock").open("a", encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        msg = f"the folder is in use by another process: {folder}"
        raise StartError(msg) from None
    except OSError as error:
        msg = f"the folder cannot be used: {folder}: {error.strerror}"
        raise StartError(msg) from None
    return lock


def claim_port(port: int) -> socket.socket:
    """Bind 127.0.0.1 (port 0: any free one).

    Raises:
        StartError: the port is taken or not ours to have.
    """
    claimed = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        claimed.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        claimed.close()
        msg = f"port {port} cannot be bound: {getattr(error, 'strerror', None) or error}"
        raise StartError(msg) from None
    return claimed


def on_signals(stop: Callable[[str], None]) -> None:
    """Call `stop` with the signal's name on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
    # The engine installs handlers of its own; a client that goes away must stay an error, not a signal.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


async def parent_gone(parent_pid: int) -> None:
    """Return when the process has ended.

    Polled: the kernel's own signal for this fires when the parent's *thread* ends, which supervisors that
    start children from a pool of threads do all the time.
    """
    is_parent = os.getppid() == parent_pid
    while os.getppid() == parent_pid if is_parent else _is_alive(parent_pid):  # noqa: ASYNC110 - see above
        await asyncio.sleep(_PARENT_POLL_S)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

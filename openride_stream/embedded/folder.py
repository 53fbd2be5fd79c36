"""The stack's data folder: who has it, its secret, and the file that names every address and pid."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from openride_stream.errors import ConfigurationError

STACK_FILE: Final = "stack.json"
_LOCK_FILE: Final = "lock"
_PII_KEY_FILE: Final = "pii.key"


@dataclass(frozen=True, slots=True)
class StackRecord:
    """What stack.json says of a running stack.

    `kafka` is "host:port"; `clickhouse` and `web` are URLs, one of `web` a worker; `pids` are by child
    name (and "supervisor"); `started_at` is RFC 3339 UTC.
    """

    kafka: str
    clickhouse: str
    web: tuple[str, ...]
    pids: Mapping[str, int]
    started_at: str


@contextmanager
def locked_folder(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process; the kernel lets go of it however the process ends.

    Raises:
        ConfigurationError: another process has it, or it cannot be written to.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        message = f"data folder {data_dir} cannot be used: {error.strerror}"
        raise ConfigurationError(message) from error
    try:
        _lock(descriptor, data_dir)
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, data_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 32).decode() or "?"
        message = (
            f"data folder {data_dir} is in use by pid {owner}; stop that one, or choose another --data-dir"
        )
        raise ConfigurationError(message) from None


def is_locked(data_dir: Path) -> bool:
    """Whether a running stack has the data folder."""
    try:
        descriptor = os.open(data_dir / _LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def pii_key(data_dir: Path) -> str:
    """The folder's own key of personal data's HMAC: made once, readable by its owner only.

    Raises:
        ConfigurationError: there is one that is empty or cannot be read.
    """
    path = data_dir / _PII_KEY_FILE
    if not path.exists():
        write_atomically(path, secrets.token_hex(32))
    try:
        key = path.read_text().strip()
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        raise ConfigurationError(message) from error
    if not key:
        message = f"{path} is empty: restore it, or remove it for a new key, which makes new pseudonyms"
        raise ConfigurationError(message)
    return key


def has_pii_key(data_dir: Path) -> bool:
    """Whether a stack has run in the folder: its key stays."""
    return (data_dir / _PII_KEY_FILE).exists()


def write_stack(data_dir: Path, record: StackRecord) -> None:
    """Replace stack.json."""
    write_atomically(data_dir / STACK_FILE, json.dumps(asdict(record), indent=2) + "\n")


def read_stack(data_dir: Path) -> StackRecord | None:
    """What stack.json says, None when no stack is running here (a file left by a killed one is ignored)."""
    path = data_dir / STACK_FILE
    if not is_locked(data_dir) or not path.exists():
        return None
    found = json.loads(path.read_text())
    return StackRecord(
        kafka=found["kafka"],
        clickhouse=found["clickhouse"],
        web=tuple(found["web"]),
        pids=found["pids"],
        started_at=found["started_at"],
    )


def last_supervisor(data_dir: Path) -> int | None:
    """The pid that stack.json gives for its stack's supervisor, also when that has gone; None without one."""
    try:
        return int(json.loads((data_dir / STACK_FILE).read_text())["pids"]["supervisor"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def remove_stack(data_dir: Path) -> None:
    """Remove stack.json: the stack has stopped."""
    (data_dir / STACK_FILE).unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)

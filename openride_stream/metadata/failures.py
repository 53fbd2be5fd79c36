"""Driver errors in our own words: what may be retried is `MetadataUnavailable`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from openride_stream.errors import MetadataUnavailable

# Result codes of SQLite, extended bits cut off.
_SQLITE_TRANSIENT: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
    }
)
# SQLSTATE classes and codes of PostgreSQL: connection, resources, operator's shutdown, system error,
# lost serialisation or deadlock, lock not granted in time, statement cancelled by a time-out, read-only
# (a primary that was just demoted).
_POSTGRES_TRANSIENT: Final = ("08", "53", "57", "58", "40", "55P03", "25006")


@contextmanager
def translated() -> Iterator[None]:
    """Raise `MetadataUnavailable` for what a later call may get past; other errors pass unchanged."""
    try:
        yield
    except DBAPIError as error:
        if not _is_transient(error):
            raise
        message = f"metadata store: {error.orig}"
        raise MetadataUnavailable(message) from error
    except (PoolTimeout, OSError) as error:
        # asyncpg's refused and timed-out connects arrive as plain OSError and TimeoutError.
        message = f"metadata store: {error or type(error).__name__}"
        raise MetadataUnavailable(message) from error


def _is_transient(error: DBAPIError) -> bool:
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    cause = error.orig
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _SQLITE_TRANSIENT
    state = getattr(cause, "sqlstate", None)
    return isinstance(state, str) and state.startswith(_POSTGRES_TRANSIENT)

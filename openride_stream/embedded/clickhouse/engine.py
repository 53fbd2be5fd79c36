"""The chDB engine: one folder, one root session, a fresh session for every statement.

Everything here blocks and is called from threads; chDB releases the GIL while it works.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.statements import Statement

# The engine's own settings that a client cannot mean: we are neither its session nor its command line.
_SESSION_OPTIONS: Final = "log_queries=0&implicit_select=0"
_CLIENT_BUFFERING: Final = frozenset(
    {"async_insert", "wait_for_async_insert", "async_insert_busy_timeout_ms"}
)


@dataclass(frozen=True, slots=True)
class Session:
    """What one request sets before its statement.

    `readonly` is ClickHouse's: 0 writes, 1 reads only, 2 reads and may change settings in the statement.
    `parameters` hold values as they came in `param_<name>` (escaped like TabSeparated).
    """

    query_id: str
    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    readonly: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished statement did: its answer (when it was not streamed) and its counts."""

    body: bytes = b""
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_s: float = 0.0


class Engine:
    """The engine over one folder. Only one may exist in a process."""

    def __init__(self, folder: Path, config: Path) -> None:
        # Imported here: it loads half a gigabyte and starts an engine of its own for a moment.
        from chdb import _chdb

        self._chdb: Any = _chdb
        self._address = f"{folder}?config-file={config}&{_SESSION_OPTIONS}"
        self._root: Any = self._connect()
        self._settle_default_database()
        self.version = self._ask("SELECT version()").strip()
        self.table_functions = self._ask("SELECT name FROM system.table_functions").split()

    def _connect(self) -> Any:
        try:
            return self._chdb.connect(self._address)
        except RuntimeError as error:
            raise ClickHouseError.from_engine(str(error)) from None

    def _ask(self, sql: str) -> str:
        answer: bytes = self._root.query(sql, "TSV").bytes()
        return answer.decode()

    def _settle_default_database(self) -> None:
        """Make `default` an ordinary database: chDB's own kind reads any file that a query names as a table."""
        self._root.query("DROP DATABASE IF EXISTS default SYNC")
        self._root.query("CREATE DATABASE default ENGINE = Atomic")

    def close(self) -> None:
        """Close the engine; no statement may be running."""
        self._root.close()

    def run(self, statement: Statement, session: Session, default_format: str) -> Outcome:
        """Run a statement whose answer is small; a FORMAT inside it wins over `default_format`."""
        return self._run(session, statement.text, default_format)

    def select(
        self, statement: Statement, session: Session, output_format: str, compression: str, fd: int
    ) -> Outcome:
        """Run a SELECT and write its rows into the pipe `fd`, which is closed in any case.

        TRUNCATE means nothing to a pipe, but without it (or APPEND, which cannot compress) the engine
        refuses a file that exists.
        """
        try:
            sql = (
                f"{statement.text}\nINTO OUTFILE '/dev/fd/{fd}' TRUNCATE COMPRESSION '{compression}'"
                f" FORMAT {quote_name(output_format)} {statement.settings}"
            )
            return self._run(session, sql, output_format)
        finally:
            os.close(fd)

    def insert(self, statement: Statement, session: Session, compression: str, fd: int) -> Outcome:
        """Run an INSERT with the rows that come out of the pipe `fd`, which is closed in any case."""
        try:
            sql = (
                f"{statement.text}\nFROM INFILE '/dev/fd/{fd}' COMPRESSION '{compression}' {statement.settings}"
                f" FORMAT {quote_name(statement.format)}"
            )
            return self._run(session, sql, "Null")
        finally:
            os.close(fd)

    def kill(self, query_id: str) -> bool:
        """Ask the statement to stop; False when the engine does not run it (yet, or any more)."""
        connection = self._connect()
        try:
            sql = f"KILL QUERY WHERE Settings['log_comment'] = {quote(query_id)} ASYNC"
            return connection.query(sql, "TSV").bytes() != b""
        except RuntimeError as error:
            raise ClickHouseError.from_engine(str(error)) from None
        finally:
            connection.close()

    def _run(self, session: Session, sql: str, output_format: str) -> Outcome:
        connection = self._connect()
        try:
            if session.database:
                connection.query(f"USE {quote_name(session.database)}", "Null")
            connection.query(_preamble(session), "Null")
            result = connection.query(sql, output_format)
            return Outcome(
                bytes(result.bytes()),
                result.rows_read(),
                result.bytes_read(),
                result.rows_written(),
                result.bytes_written(),
                result.elapsed(),
            )
        except RuntimeError as error:
            raise ClickHouseError.from_engine(str(error)) from None
        finally:
            connection.close()


def _preamble(session: Session) -> str:
    """One SET for everything; `readonly` last, since it forbids every later change."""
    changes = {"log_queries": "1"}
    changes |= {name: value for name, value in session.settings.items() if name not in _CLIENT_BUFFERING}
    # KILL finds the statement by it: the engine gives no way to choose the query_id itself.
    changes["log_comment"] = session.query_id
    changes |= {f"param_{name}": value for name, value in session.parameters.items()}
    if session.readonly:
        changes["readonly"] = str(session.readonly)
    return "SET " + ", ".join(f"{quote_name(name)} = {quote(value)}" for name, value in changes.items())


def quote(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_name(name: str) -> str:
    """An identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"

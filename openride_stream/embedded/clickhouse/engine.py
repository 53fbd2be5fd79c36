"""The chDB engine: one folder, one root session, a fresh session for every statement.

Everything here blocks and is called from threads; chDB releases the GIL while it works.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.session import Outcome, Session, preamble, quote, quote_name
from openride_stream.embedded.clickhouse.statements import Statement

# Our own preamble stays out of query_log; `1` alone is no statement, as on the server.
_SESSION_OPTIONS: Final = "log_queries=0&implicit_select=0"


class Engine:
    """The engine over one folder. Only one may exist in a process.

    Raises:
        ClickHouseError: the folder cannot be opened.
    """

    def __init__(self, folder: Path, config: Path) -> None:
        # Imported here: it loads half a gigabyte and starts an engine of its own for a moment.
        from chdb import _chdb

        self._chdb: Any = _chdb
        self._address = f"{folder}?config-file={config}&{_SESSION_OPTIONS}"
        with _translated():
            self._root: Any = self._chdb.connect(self._address)
            self._settle_default_database(folder)
        self.version = self._ask("SELECT version()").strip()
        self.table_functions = self._ask("SELECT name FROM system.table_functions").split()

    def _ask(self, sql: str) -> str:
        answer: bytes = self._root.query(sql, "TSV").bytes()
        return answer.decode()

    def _settle_default_database(self, folder: Path) -> None:
        """Make `default` an ordinary database: chDB's own kind reads any file that is named as a table.

        At every start chDB lays its kind over what an earlier start left in the folder. Attaching it anew
        brings the ordinary one back, but only when it holds tables: an empty one is not loaded at all.
        """
        tables = self._ask("SELECT count() FROM system.tables WHERE database = 'default'").strip()
        if tables != "0":
            self._root.query("DETACH DATABASE default")
            self._root.query("ATTACH DATABASE default")
        else:
            self._root.query("DROP DATABASE default SYNC")
            (folder / "metadata" / "default.sql").unlink(missing_ok=True)
            self._root.query("CREATE DATABASE default ENGINE = Atomic")
        kind = self._ask("SELECT engine FROM system.databases WHERE name = 'default'").strip()
        if kind != "Atomic":
            msg = f"database default is {kind!r}, not Atomic"
            raise RuntimeError(msg)

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
        sql = (
            f"{statement.text}\nINTO OUTFILE '/dev/fd/{fd}' TRUNCATE COMPRESSION '{compression}'"
            f" FORMAT {quote_name(output_format)} {statement.settings}"
        )
        return _closing(fd, lambda: self._run(session, sql, output_format))

    def insert(self, statement: Statement, session: Session, compression: str, fd: int) -> Outcome:
        """Run an INSERT with the rows that come out of the pipe `fd`, which is closed in any case."""
        sql = (
            f"{statement.text}\nFROM INFILE '/dev/fd/{fd}' COMPRESSION '{compression}' {statement.settings}"
            f" FORMAT {quote_name(statement.format)}"
        )
        return _closing(fd, lambda: self._run(session, sql, "Null"))

    def inflate(self, session: Session, compression: str, fd: int) -> Outcome:
        """Decompress what comes out of the pipe `fd`, which is closed in any case, into `Outcome.body`."""
        sql = f"SELECT body FROM file('/dev/fd/{fd}', 'RawBLOB', 'body String', '{compression}')"  # noqa: S608
        return _closing(fd, lambda: self._run(session, sql, "RawBLOB"))

    def kill(self, query_id: str) -> bool:
        """Ask the statement to stop; False when the engine does not run it (yet, or any more)."""
        of_this_id = (
            f"Settings['log_comment'] = {quote(query_id)} OR startsWith(query, {quote(_marker(query_id))})"
        )
        with _translated():
            connection = self._chdb.connect(self._address)
            try:
                killed: bytes = connection.query(f"KILL QUERY WHERE {of_this_id} ASYNC", "TSV").bytes()
            finally:
                connection.close()
        return killed != b""

    def _run(self, session: Session, sql: str, output_format: str) -> Outcome:
        with _translated():
            connection = self._chdb.connect(self._address)
            try:
                if session.database:
                    connection.query(f"USE {quote_name(session.database)}", "Null")
                connection.query(preamble(session), "Null")
                return _outcome(connection.query(_marked(session.query_id, sql), output_format))
            finally:
                connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    """Turn chDB's RuntimeError into ours."""
    try:
        yield
    except RuntimeError as error:
        raise ClickHouseError.from_engine(str(error)) from None


def _closing(fd: int, call: Callable[[], Outcome]) -> Outcome:
    try:
        return call()
    finally:
        os.close(fd)


def _outcome(result: Any) -> Outcome:
    return Outcome(
        bytes(result.bytes()),
        result.rows_read(),
        result.bytes_read(),
        result.rows_written(),
        result.bytes_written(),
        result.elapsed(),
    )


def _marker(query_id: str) -> str:
    return f"/* {query_id} */"


def _marked(query_id: str, sql: str) -> str:
    """A statement may set a log_comment of its own; a comment in front then tells KILL which one it is."""
    return f"{_marker(query_id)} {sql}" if "log_comment" in sql.lower() else sql

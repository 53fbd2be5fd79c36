"""What surrounds a statement: the session that it runs in, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# The rows of an insert come through a pipe that the engine reads to its end: there is nothing to buffer.
_IGNORED_SETTINGS: Final = frozenset({"async_insert", "wait_for_async_insert", "log_comment"})


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


def preamble(session: Session) -> str:
    """One SET for everything; `readonly` last, since it forbids every later change."""
    changes = {"log_queries": "1"}
    changes |= {name: value for name, value in session.settings.items() if name not in _IGNORED_SETTINGS}
    # The engine gives no way to choose the query_id itself: this is how KILL finds the statement.
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

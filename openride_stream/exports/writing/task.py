"""What a writing process is told, and what it tells."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from openride_stream.clickhouse.raw import RawQuery


@dataclass(frozen=True, slots=True)
class WritingTask:
    """One file to be written.

    `columns` are the names and the types of the query's columns. `max_bytes` is the largest size of the file.
    """

    query: RawQuery
    form: str
    path: str
    columns: Sequence[tuple[str, str]]
    max_bytes: int

    def dump(self) -> bytes:
        """As one line of JSON."""
        return orjson.dumps(asdict(self))

    @classmethod
    def load(cls, line: bytes) -> "WritingTask":
        """From that line."""
        told = orjson.loads(line)
        return cls(**(told | {"query": RawQuery(**told["query"])}))


@dataclass(frozen=True, slots=True)
class Told:
    """How far the process is. `done` is its last word, or `error` is: `transient` when another try may do."""

    rows: int = 0
    size_bytes: int = 0
    done: bool = False
    error: str = ""
    transient: bool = False

    def dump(self) -> bytes:
        """As one line of JSON, with its end."""
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def load(cls, line: bytes) -> "Told":
        """From that line."""
        return cls(**orjson.loads(line))

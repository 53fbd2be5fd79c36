"""What becomes of a query: a statement, or a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from openride_stream.errors import Rejected

MAX_CHARS: Final = 16_384


class QueryRefused(Rejected):
    """The query is none that is exported; the message says why, for who wrote it. `parameter` is at fault."""

    def __init__(self, message: str, parameter: str = "query") -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement of distinct rows, at most `row_limit` of them, and its server-side parameters."""

    sql: str
    params: Mapping[str, str]

"""What ClickHouse's answers mean: try again, or never.

ClickHouse numbers its errors (`Code: N.`). For inserts only a fault of the rows themselves is final:
everything else is retried in place, because giving up would lose events. For queries it is the other
way round: only a store that is busy or away is worth another try. A limit of the query
itself is a case of its own: the store is well, and who asks should ask for less.
"""

import re
from typing import Final

from openride_stream.errors import Limit, OpenRideError, StoreLimit, StoreRefused, StoreUnavailable

_CODE = re.compile(r"Code: (\d+)")
# The last such words are ClickHouse's own; those before may be quoted from a row.
_COLUMN = re.compile(r".*\(while read(?:ing)? the value of key (\w+)\)", re.DOTALL)

# The rows cannot be read as the table's columns; no retry will change that.
ROW_FAULTS = frozenset(
    {6, 25, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 321, 349, 376, 407, 467, 469, 691}
)

# The store is away, overloaded, or between states; the same statement may succeed later.
BUSY = frozenset(
    {3, 159, 160, 202, 203, 209, 210, 225, 236, 241, 242, 243, 252, 279, 285, 286, 319, 394, 425, 439}
    | {745, 999}
    # The server itself is in trouble: its files, its memory, its logic, the unknown.
    | {49, 74, 75, 76, 173, 1000, 1001, 1002}
)

# Limits of one query. Of rows: those that a profile may set on what is read, kept or given.
_LIMITS: Final[dict[int, Limit]] = {
    159: "time",
    160: "time",
    241: "memory",
    158: "rows",
    191: "rows",
    307: "rows",
    396: "rows",
}
# 241 also says that the whole server, or all queries of a user together, have no memory left. The second
# wording is that of older servers.
_OF_THE_QUERY: Final = re.compile(r"query memory limit exceeded|memory limit \(for query\)", re.IGNORECASE)

# A view behind the table failed, not the rows: they are in the table already, and mending the view lets the
# retry through.
_BEHIND = "while pushing to view"


def error_code(text: str) -> int:
    """The ClickHouse error number in an answer, or 0 when it carries none."""
    found = _CODE.search(text)
    return int(found.group(1)) if found else 0


def query_failure(text: str) -> OpenRideError:
    """The error to raise for a failed query, from the answer's text."""
    code = error_code(text)
    if code in _LIMITS and (_LIMITS[code] != "memory" or _OF_THE_QUERY.search(text)):
        return StoreLimit(_first_line(text), _LIMITS[code])
    if code in BUSY or code == 0:
        return StoreUnavailable(_first_line(text))
    return StoreRefused(_first_line(text), code)


def insert_failure(text: str) -> OpenRideError:
    """The error to raise for a failed insert, from the answer's text."""
    code = error_code(text)
    if code in ROW_FAULTS and _BEHIND not in text:
        return StoreRefused(_first_line(text), code, _column(text))
    return StoreUnavailable(_first_line(text))


def unanswered(error: BaseException) -> StoreUnavailable:
    """The error to raise when there was no whole answer, from what went wrong with the connection."""
    return StoreUnavailable(f"ClickHouse did not answer: {type(error).__name__} {error}".strip())


def _column(text: str) -> str:
    found = _COLUMN.search(text)
    return found.group(1) if found else ""


def _first_line(text: str) -> str:
    # ClickHouse quotes the offending row after the first line; rows may hold what must not be logged.
    line = text.strip().splitlines()[0] if text.strip() else "no answer"
    return line.split(": (while ", 1)[0].split(" (at row", 1)[0][:400]

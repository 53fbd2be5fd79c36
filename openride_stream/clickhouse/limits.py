"""What a query may take of the store, and that it ends with whoever asked, as far as its user may say so.

A user's profile may forbid a setting (`CONST`) or cap it (`MAX`), and a query that breaks the rule fails as
a whole: so the profile is asked first; what it forbids is left to it, what it caps is asked for up to there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_ROWS: Final = 1_000_000
"""Of one answer: the largest that an endpoint gives is far below it."""

# ClickHouse looks whether the client is still there only while a query may change nothing. 2, not 1: a
# statement may still bring settings of its own.
_FIXED: Final = {
    "readonly": "2",
    "cancel_http_readonly_queries_on_client_close": "1",
    # What a limit cuts off would be taken for the whole answer, be it ours or the profile's.
    "timeout_overflow_mode": "throw",
    "result_overflow_mode": "throw",
    "read_overflow_mode": "throw",
    "group_by_overflow_mode": "throw",
    "sort_overflow_mode": "throw",
    "distinct_overflow_mode": "throw",
    "join_overflow_mode": "throw",
    "set_overflow_mode": "throw",
    "transfer_overflow_mode": "throw",
    "timeout_overflow_mode_leaf": "throw",
    "read_overflow_mode_leaf": "throw",
}
_CAPS: Final = {
    "max_execution_time": "timeout_overflow_mode",
    "max_result_rows": "result_overflow_mode",
    "max_memory_usage": None,
}
"""What we cap, and the setting that says what becomes of a query that reaches the cap."""

PROFILE_SQL: Final = (
    "SELECT name, value, ifNull(max, '') AS highest, readonly AS forbidden FROM system.settings "
    f"WHERE name IN {(*_FIXED, *_CAPS)}"
)
"""The rows that `limits` takes; to be asked without any of the settings that it gives."""


def limits(
    profile: Sequence[Mapping[str, Any]],
    max_execution_s: float,
    max_memory_bytes: int | None,
    max_rows: int = MAX_ROWS,
) -> dict[str, str]:
    """The settings of one query.

    `max_memory_bytes` None bounds neither its memory nor its rows: the profile's own limits hold.
    """
    wanted = {"max_execution_time": max_execution_s}
    if max_memory_bytes is not None:
        wanted |= {"max_result_rows": max_rows, "max_memory_usage": max_memory_bytes}
    found = {}
    cuts = {row["name"] for row in profile if row["forbidden"] and row["value"] == "break"}
    for row in profile:
        name = row["name"]
        if row["forbidden"]:
            continue
        if name in _FIXED:
            found[name] = _FIXED[name]
        elif name in wanted and _CAPS[name] not in cuts:
            # A cap that cuts an answer off unseen is worse than none.
            found[name] = _least(wanted[name], row["value"], row["highest"])
    return found


def _least(wanted: float, *others: str) -> str:
    """The smallest; 0 and nothing stand for no limit."""
    given = [float(other) for other in others if other]
    return f"{min(limit for limit in (wanted, *given) if limit > 0):.15g}"

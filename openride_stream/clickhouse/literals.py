"""Values of server-side parameters, as text."""

from datetime import date, datetime

Param = str | int | float | datetime | date | list[str] | list[int]


def literal(value: Param) -> str:
    """The text of a server-side parameter, in ClickHouse's own notation."""
    if isinstance(value, datetime):
        return f"{value.timestamp():.3f}"
    if isinstance(value, list):
        quoted = (f"'{_escape(v)}'" if isinstance(v, str) else str(v) for v in value)
        return f"[{','.join(quoted)}]"
    # Top-level strings are read as an escaped (tab-separated) value.
    return _escape(value) if isinstance(value, str) else str(value)


def _escape(text: str) -> str:
    replaced = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return replaced.replace("'", "\\'").replace("\0", "\\0")

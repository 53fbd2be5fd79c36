"""Headers and content types of the answers."""

from typing import Final

import orjson
from aiohttp import web

from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.session import Outcome

DISPLAY_NAME: Final = "openride-embedded"

_JSON_LINES: Final = "application/x-ndjson; charset=UTF-8"
_CONTENT_TYPES: Final[dict[str, str]] = {
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "csvwithnamesandtypes": "text/csv; charset=UTF-8; header=present",
    "jsoneachrow": _JSON_LINES,
    "jsoncompacteachrow": _JSON_LINES,
    "jsonstringseachrow": _JSON_LINES,
    "xml": "application/xml; charset=UTF-8",
    "html": "text/html; charset=UTF-8",
    "markdown": "text/markdown; charset=UTF-8",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "rowbinarywithnames": "application/octet-stream",
    "rowbinarywithnamesandtypes": "application/octet-stream",
    "parquet": "application/octet-stream",
    "arrow": "application/octet-stream",
    "arrowstream": "application/octet-stream",
    "orc": "application/octet-stream",
}


def content_type(output_format: str) -> str:
    """The Content-Type that the server gives a format."""
    name = output_format.lower()
    if name in _CONTENT_TYPES:
        return _CONTENT_TYPES[name]
    if name.startswith(("tabseparated", "tsv")):
        return "text/tab-separated-values; charset=UTF-8"
    return "application/json; charset=UTF-8" if name.startswith("json") else "text/plain; charset=UTF-8"


def summary(outcome: Outcome) -> str:
    """The value of X-ClickHouse-Summary: counts as strings, as the server writes them."""
    return orjson.dumps(
        {
            "read_rows": str(outcome.read_rows),
            "read_bytes": str(outcome.read_bytes),
            "written_rows": str(outcome.written_rows),
            "written_bytes": str(outcome.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": str(outcome.written_rows or outcome.read_rows),
            "result_bytes": str(outcome.written_bytes or outcome.read_bytes),
            "elapsed_ns": str(int(outcome.elapsed_s * 1e9)),
        }
    ).decode()


def headers(
    query_id: str, output_format: str = "", compression: str = "none", outcome: Outcome | None = None
) -> dict[str, str]:
    """The headers of an answer; `output_format` is empty when it has no rows."""
    found = {
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
        "X-ClickHouse-Timezone": "UTC",
        "Content-Type": content_type(output_format),
    }
    if output_format:
        found["X-ClickHouse-Format"] = output_format
    if compression != "none":
        found["Content-Encoding"] = compression
    return found if outcome is None else summed(found, outcome)


def summed(found: dict[str, str], outcome: Outcome) -> dict[str, str]:
    """The headers with the counts of the finished statement."""
    return found | {"X-ClickHouse-Summary": summary(outcome)}


def error_answer(error: ClickHouseError, query_id: str, version: str) -> web.Response:
    """The answer to a statement that failed before its first byte went out."""
    found = headers(query_id) | {"X-ClickHouse-Exception-Code": str(error.code)}
    if error.status == 503:
        found["Retry-After"] = "1"
    return web.Response(status=error.status, text=error.text(version), headers=found)

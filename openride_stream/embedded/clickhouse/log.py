"""One JSON line on stderr for everything worth noting."""

import sys
from datetime import UTC, datetime

import orjson


def log(event: str, **fields: object) -> None:
    """Write one line; `fields` must be JSON-able."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
    sys.stderr.write(orjson.dumps(line).decode() + "\n")
    sys.stderr.flush()

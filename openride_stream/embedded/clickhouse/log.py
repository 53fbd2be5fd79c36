"""One JSON line on stderr for everything worth noting."""

import logging
import sys
from datetime import UTC, datetime

import orjson


def log(event: str, **fields: object) -> None:
    """Write one line; `fields` must be JSON-able."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
    sys.stderr.write(orjson.dumps(line).decode() + "\n")
    sys.stderr.flush()


class JsonLines(logging.Handler):
    """What libraries log, as the same lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, with the error that it carries."""
        error = record.exc_info[1] if record.exc_info else None
        log("library", logger=record.name, message=record.getMessage(), error=repr(error) if error else None)

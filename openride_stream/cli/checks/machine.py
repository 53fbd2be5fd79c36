"""Checks of this machine: settings, codecs, disk, the workers' own word."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp

from openride_stream.cli.checks.findings import Finding, Patient
from openride_stream.errors import ConfigurationError
from openride_stream.faulty_settings import unknown_settings
from openride_stream.kafka.codecs import CODECS, missing_codecs
from openride_stream.settings import Settings
from web.auth import check_binding

_GIB: Final = 1 << 30
_DISK_WARN_BYTES: Final = 5 * _GIB
_DISK_FAIL_BYTES: Final = 1 * _GIB
_HTTP_TIMEOUT_S: Final = 5.0
# Fewer heartbeats than this within a session, and one late one costs a worker its partitions.
_HEARTBEATS_IN_SESSION: Final = 3


async def check_settings(patient: Patient) -> Sequence[Finding]:
    """What no single setting's own rule can say."""
    settings = patient.settings
    found = [Finding("settings", "warn", sentence, "correct or remove it") for sentence in unknown_settings()]
    # An embedded stack makes its own key.
    if not settings.pii_key.get_secret_value() and not patient.dormant:
        advice = "set OPENRIDE_PII_KEY to a long random text and keep it (openssl rand -hex 32)"
        found.append(Finding("settings", "fail", "OPENRIDE_PII_KEY is not set", advice))
    if settings.broker_heartbeat_interval_s * _HEARTBEATS_IN_SESSION > settings.broker_session_timeout_s:
        message = "OPENRIDE_BROKER_HEARTBEAT_INTERVAL_S is more than a third of the session time-out"
        advice = "lower it, or raise OPENRIDE_BROKER_SESSION_TIMEOUT_S"
        found.append(Finding("settings", "warn", message, advice))
    if settings.clickhouse_cluster and settings.topic_replication < 2:
        message = "ClickHouse is a cluster, but topics have one replica"
        found.append(Finding("settings", "warn", message, "set OPENRIDE_TOPIC_REPLICATION to 3"))
    try:
        check_binding(settings)
    except ConfigurationError as error:
        advice = (
            "docs/http.md says what each means; `openride token new --role viewer --name NAME` makes tokens"
        )
        found.append(Finding("settings", "fail", str(error), advice))
    return found or [Finding("settings", "ok", "valid")]


async def check_codecs(patient: Patient) -> Sequence[Finding]:
    """Whether records can be read whatever their producers compress them with."""
    del patient
    if missing := missing_codecs():
        message = f"records compressed with {', '.join(missing)} cannot be read"
        return [Finding("codecs", "fail", message, "install cramjam (requirements/base.txt pins it)")]
    return [Finding("codecs", "ok", f"{', '.join(CODECS)} can be read")]


async def check_disk(patient: Patient) -> Sequence[Finding]:
    """Free space where the data folder is, or would be."""
    folder = await asyncio.to_thread(_existing, patient.settings.data_dir)
    free_bytes = shutil.disk_usage(folder).free
    message = f"{free_bytes / _GIB:.1f} GiB free at {folder}"
    if free_bytes >= _DISK_WARN_BYTES:
        return [Finding("disk", "ok", message)]
    state = "fail" if free_bytes < _DISK_FAIL_BYTES else "warn"
    return [
        Finding(
            "disk", "fail" if state == "fail" else "warn", message, "free some, or move OPENRIDE_DATA_DIR"
        )
    ]


def _existing(folder: Path) -> Path:
    absolute = folder.absolute()
    return next(path for path in (absolute, *absolute.parents) if path.exists())


async def check_workers(patient: Patient) -> Sequence[Finding]:
    """Whether each worker that is known says it is ready."""
    urls = patient.stack.web if patient.stack else (_own_url(patient.settings),)
    return list(await asyncio.gather(*(_worker(url, known=patient.stack is not None) for url in urls)))


def _own_url(settings: Settings) -> str:
    host = "127.0.0.1" if settings.web_host in {"0.0.0.0", "::"} else settings.web_host
    return f"http://{host}:{settings.web_port}"


async def _worker(url: str, known: bool) -> Finding:
    timeout = aiohttp.ClientTimeout(total=_HTTP_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url}/health/ready") as answer,
        ):
            status, body = answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        message = f"{url} does not answer: {str(error) or type(error).__name__}"
        # Without a stack file it is only a guess that a worker should be here.
        advice = "see its log" if known else "start one with `openride worker`"
        return Finding("worker", "fail" if known else "warn", message, advice)
    if status == 200:
        return Finding("worker", "ok", f"{url} is ready")
    return Finding("worker", "fail", f"{url} is not ready ({status}): {body[:300]}", "see what it waits for")

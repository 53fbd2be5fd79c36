"""The stack as a set of addresses: which children there are, and what each is told.

The application runs here as it runs on Kafka and a ClickHouse server: everything that is particular to
the embedded stack is in the environment that `child_env` makes.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openride_stream.embedded.addresses import Addresses
from openride_stream.embedded.broker import broker_argv
from openride_stream.embedded.folder import pii_key
from openride_stream.embedded.keeper import ChildSpec
from openride_stream.embedded.leash import leashed
from openride_stream.embedded.ports import LOOPBACK
from openride_stream.embedded.probes import broker_ready, http_ok
from openride_stream.settings import Settings

BROKER: Final = "broker"
_GIB: Final = 1 << 30
# Settings of which the stack needs other defaults; a value of the user's own is kept.
_OTHER_DEFAULTS: Final = {
    "preaggregation_interval_s": "5",
    # A join waits for half the session time-out: at the usual 30 s a first worker would wait for long.
    "broker_session_timeout_s": "6",
    "broker_heartbeat_interval_s": "1.2",
    # A worker has 4 s to stop.
    "drain_timeout_s": "2.5",
}


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What the user of `openride up` chooses.

    `currency` is that of amounts that name none, unless the settings say; None leaves it to them.
    """

    data_dir: Path
    workers: int
    replay: bool
    currency: str | None = None


OPEN_KAFKA: Final[Mapping[str, str]] = {
    "kafka_security_protocol": "PLAINTEXT",
    "kafka_ssl_ca_file": "",
    "kafka_ssl_cert_file": "",
    "kafka_ssl_key_file": "",
}
"""The embedded broker asks nobody who they are."""


def child_env(options: StackOptions, addresses: Addresses, settings: Settings) -> dict[str, str]:
    """The settings that make the application's processes use this stack and no other one's stores.

    `settings` are the user's own, of which only those that are no addresses are kept.
    """
    data_dir = options.data_dir.absolute()
    defaults = _OTHER_DEFAULTS | ({"currency": options.currency} if options.currency else {})
    others = {
        f"OPENRIDE_{name.upper()}": value
        for name, value in defaults.items()
        if name not in settings.model_fields_set
    }
    return others | {
        "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": addresses.kafka,
        **{f"OPENRIDE_{name.upper()}": value for name, value in OPEN_KAFKA.items()},
        "OPENRIDE_TOPIC_REPLICATION": "1",
        "OPENRIDE_CLICKHOUSE_URL": addresses.clickhouse,
        "OPENRIDE_CLICKHOUSE_USER": "default",
        "OPENRIDE_CLICKHOUSE_PASSWORD": "",
        "OPENRIDE_CLICKHOUSE_CLUSTER": "",
        "OPENRIDE_METADATA_URL": f"sqlite+aiosqlite:///{data_dir / 'metadata.db'}",
        "OPENRIDE_REDIS_URL": "",
        "OPENRIDE_PII_KEY": settings.pii_key.get_secret_value() or pii_key(data_dir),
        "OPENRIDE_WEB_HOST": LOOPBACK,
        "OPENRIDE_DATA_DIR": str(data_dir),
        "OPENRIDE_LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
    }


def plan_stages(options: StackOptions, addresses: Addresses, env: Mapping[str, str]) -> list[list[ChildSpec]]:
    """The children, stage by stage: stores, schema, workers, replay. `env` is what `child_env` made.

    The longest `stop_within_s` of each stage add up to less than the 10 s that a stop may take.
    """
    stages = [
        [_broker(addresses), _clickhouse(options, addresses)],
        [_migrate(env)],
        [_worker(number, port, options, env) for number, port in enumerate(addresses.web_ports, start=1)],
    ]
    if options.replay:
        stages.append([_replay(env)])
    return stages


def replay_argv() -> list[str]:
    """Arguments of the demo: a month at full speed, then live."""
    return ["replay", "--demo"]


def broker_memory_limit_bytes() -> int:
    """What the broker may allocate: it never frees a record, so it is better ended than the machine."""
    machine_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(4 * _GIB, machine_bytes // 2)


def openride_argv(arguments: Sequence[str]) -> list[str]:
    """Command line of an `openride` command in this Python."""
    return [sys.executable, "-m", "openride_stream", *arguments]


def _broker(addresses: Addresses) -> ChildSpec:
    return ChildSpec(
        BROKER,
        # Built at every start: each gets a cluster id of its own.
        lambda: leashed(broker_argv(addresses.kafka_port), memory_limit_bytes=broker_memory_limit_bytes()),
        is_ready=broker_ready(addresses.kafka_port),
        ready_within_s=20,
        stop_within_s=1,
    )


def _clickhouse(options: StackOptions, addresses: Addresses) -> ChildSpec:
    path = options.data_dir.absolute() / "clickhouse"
    module = [sys.executable, "-m", "openride_stream.embedded.clickhouse"]
    return ChildSpec(
        "clickhouse",
        lambda: leashed([*module, "--path", str(path), "--port", str(addresses.clickhouse_port)]),
        is_ready=http_ok(f"{addresses.clickhouse}/ping"),
        ready_within_s=60,
        stop_within_s=3.5,
    )


def _migrate(env: Mapping[str, str]) -> ChildSpec:
    return ChildSpec(
        "migrate",
        lambda: leashed(openride_argv(["migrate"])),
        kind="job",
        env=env,
        ready_within_s=120,
        stop_within_s=0.5,
        follows=(BROKER,),
    )


def _worker(number: int, port: int, options: StackOptions, env: Mapping[str, str]) -> ChildSpec:
    state = options.data_dir.absolute() / "faust" / str(port)
    return ChildSpec(
        f"worker-{number}",
        lambda: leashed(openride_argv(["worker"])),
        env={**env, "OPENRIDE_WEB_PORT": str(port)},
        is_ready=http_ok(f"http://{LOOPBACK}:{port}/health/ready"),
        ready_within_s=120,
        stop_within_s=4,
        follows=(BROKER,),
        # Offsets of a broker that has gone mean nothing to the new one.
        before_fresh_start=lambda: shutil.rmtree(state, ignore_errors=True),
    )


def _replay(env: Mapping[str, str]) -> ChildSpec:
    return ChildSpec(
        "replay",
        lambda: leashed(openride_argv(replay_argv())),
        kind="feed",
        env=env,
        stop_within_s=1,
    )

"""`openride up`: the whole stack here, until Ctrl-C."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from openride_stream.clock import SystemClock
from openride_stream.embedded.addresses import WantedPorts, choose_addresses, remember, remembered
from openride_stream.embedded.fitness import require_fit, require_plain_name
from openride_stream.embedded.folder import is_locked, locked_folder
from openride_stream.embedded.ports import LOOPBACK
from openride_stream.embedded.progress import Progress, open_progress
from openride_stream.embedded.session import run_stack
from openride_stream.embedded.stack import StackOptions, child_env, plan_stages
from openride_stream.errors import ConfigurationError
from openride_stream.faulty_settings import unknown_settings
from openride_stream.replay.demo import Diary
from openride_stream.replay.trips import CURRENCY
from openride_stream.settings import Settings
from web.auth import check_binding

# What the stack decides by itself, whatever the environment says.
_NOT_HEEDED: Final = ("kafka_bootstrap_servers", "clickhouse_url", "metadata_url", "redis_url", "web_host")
_PORT: Final = click.IntRange(1, 65_535)


class _Folder(click.Path):
    """A folder's path; "" is none, although it would be read as the present folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            message = "--data-dir is empty"
            raise ConfigurationError(message)
        return super().convert(value, param, ctx)


@click.command()
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Number of workers."
)
@click.option("--port", type=_PORT, help="Port of the first worker's page and API.  [default: 8097]")
@click.option("--kafka-port", type=_PORT, help="Port of the broker.  [default: the last one, or any]")
@click.option("--clickhouse-port", type=_PORT, help="Port of ClickHouse.  [default: the last one, or any]")
@click.option(
    "--data-dir",
    type=_Folder(file_okay=False, path_type=Path),
    help="Folder of tables, logs, addresses and pids; it survives a restart.  [default: .openride]",
)
@click.option("--no-replay", is_flag=True, help="Start without the demo's trips.")
def command(
    *,
    workers: int,
    port: int | None,
    kafka_port: int | None,
    clickhouse_port: int | None,
    data_dir: Path | None,
    no_replay: bool,
) -> None:
    """Run the whole stack here: broker, ClickHouse, workers, real trips, dashboard.

    Everything listens on 127.0.0.1 only. Ctrl-C or SIGTERM stops all of it within 10 s. Ports stay what they
    were at the last start in the data folder, where they are free. The defaults of --port and --data-dir
    are those of OPENRIDE_WEB_PORT and OPENRIDE_DATA_DIR. The demo's money is in dollars unless
    OPENRIDE_CURRENCY is set.
    """
    settings = Settings()
    _check(settings, workers)
    folder = data_dir or settings.data_dir
    require_plain_name(folder)
    wanted = WantedPorts(port or settings.web_port, kafka_port, clickhouse_port)
    # A refusal leaves no folder behind; where a stack runs already, its folder says more than its port.
    if not is_locked(folder):
        wanted.require_free()
    has_demo = not no_replay or Diary.read(folder / Diary.FILE) is not None
    options = StackOptions(folder, workers, replay=not no_replay, currency=CURRENCY if has_demo else None)
    with locked_folder(folder), open_progress() as progress:
        require_fit(folder)
        for sentence in (*unknown_settings(), *_not_heeded(settings)):
            progress.warn(sentence)
        asyncio.run(_run(options, wanted, settings, progress))


def _check(settings: Settings, workers: int) -> None:
    """What would stop a worker later on stops the start.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    if workers > settings.topic_partitions:
        message = f"--workers {workers} is more than the {settings.topic_partitions} partitions of a topic"
        raise ConfigurationError(message)
    check_binding(settings, LOOPBACK)


def _not_heeded(settings: Settings) -> Iterator[str]:
    for name in _NOT_HEEDED:
        if name in settings.model_fields_set:
            yield f"OPENRIDE_{name.upper()} is not heeded: this stack has its own services, on {LOOPBACK}"


async def _run(options: StackOptions, wanted: WantedPorts, settings: Settings, progress: Progress) -> None:
    addresses = choose_addresses(wanted, options.workers, remembered(options.data_dir))
    remember(options.data_dir, addresses)
    env = child_env(options, addresses, settings)
    await run_stack(
        plan_stages(options, addresses, env),
        options.data_dir,
        addresses,
        tell=progress.tell,
        on_up=lambda: progress.up(addresses, options.data_dir),
        clock=SystemClock(),
    )
    progress.stopped()

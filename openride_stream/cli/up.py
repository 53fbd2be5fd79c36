"""`openride up`: the whole stack here, until Ctrl-C."""

import asyncio
from pathlib import Path

import click

from openride_stream.clock import SystemClock
from openride_stream.embedded.folder import locked_folder
from openride_stream.embedded.progress import Progress, open_progress
from openride_stream.embedded.session import run_stack
from openride_stream.embedded.stack import StackOptions, child_env, choose_addresses, plan_stages
from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings


@click.command()
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Number of workers."
)
@click.option(
    "--port",
    default=8097,
    show_default=True,
    type=click.IntRange(1, 65_535),
    help="Port of the first worker's pages and API.",
)
@click.option(
    "--data-dir",
    default=Path(".openride"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of tables, logs, addresses and pids; it survives a restart.",
)
@click.option("--no-replay", is_flag=True, help="Start without the demo's trips.")
def command(workers: int, port: int, data_dir: Path, no_replay: bool) -> None:
    """Run the whole stack here: broker, ClickHouse, workers, real trips, dashboard.

    Everything listens on 127.0.0.1 only. Ctrl-C or SIGTERM stops all of it within 10 s.
    """
    settings = Settings()
    if workers > settings.topic_partitions:
        message = f"--workers {workers} is more than the {settings.topic_partitions} partitions of a topic"
        raise ConfigurationError(message)
    options = StackOptions(data_dir, port, workers, replay=not no_replay)
    with locked_folder(data_dir), open_progress() as progress:
        asyncio.run(_run(options, settings, progress))


async def _run(options: StackOptions, settings: Settings, progress: Progress) -> None:
    addresses = choose_addresses(options.port, options.workers)
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

"""`openride`: one command a file, loaded when it is called, so that `--help` stays quick."""

import importlib
import sys
from typing import Final

import click

from openride_stream import __version__
from openride_stream.errors import BrokerUnavailable, OpenRideError, StoreUnavailable

COMMANDS: Final[dict[str, str]] = {
    "up": "Run the whole stack here: broker, ClickHouse, workers, real trips, dashboard.",
    "worker": "Run one worker of the consumer group.",
    "migrate": "Create or upgrade topics, ClickHouse tables and the metadata schema.",
    "replay": "Send a file of trips or events to Kafka.",
    "emit": "Send single events to Kafka.",
    "schema": "Print the JSON Schemas of the events.",
    "token": "Make bearer tokens for the HTTP API.",
    "workers": "Show the live workers: who holds which partitions, lag, rate.",
    "dlq": "Look at dead letters, send them again, accept or delete them.",
    "audit": "Account for every offset that was consumed, and name what is missing.",
    "archive": "Move months past their retention to Parquet files, and bring them back.",
    "doctor": "Check settings, services, topics, schema, clock and disk, and say what to do.",
    "bench": "Measure this application beside its peers.",
}


class LazyGroup(click.Group):
    """A group whose commands live in `openride_stream.cli.<name>` as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order in which a newcomer meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one command that was asked for."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"openride_stream.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from their one-line help, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="openride")
def cli() -> None:
    """Real-time analytics of a ride-hailing platform: Kafka to exact figures."""


def main() -> None:
    """Entry point: an error that we raise on purpose is one line on stderr and exit code 2."""
    try:
        cli.main()
    except OpenRideError as error:
        click.echo(f"openride: {error}{_hint(error)}", err=True)
        sys.exit(2)
    except ValueError as error:
        faults = _faulty_settings(error)
        if not faults:
            raise
        click.echo("\n".join(f"openride: {fault}" for fault in faults), err=True)
        sys.exit(2)


def _hint(error: OpenRideError) -> str:
    if not isinstance(error, BrokerUnavailable | StoreUnavailable):
        return ""
    from openride_stream.embedded.here import hint_when_away

    return hint_when_away()


def _faulty_settings(error: ValueError) -> list[str]:
    from openride_stream.faulty_settings import refused

    return refused(error)

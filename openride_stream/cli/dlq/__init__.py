"""`openride dlq`: dead letters looked at, sent again, accepted, deleted. One command a file."""

import logging
from pathlib import Path

import click

from openride_stream.cli.checks.findings import admit
from openride_stream.cli.dlq import accept, listing, purge, redrive, show, stats


@click.group()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder; the addresses of a stack that runs there are used.  [default: OPENRIDE_DATA_DIR]",
)
@click.pass_context
def command(ctx: click.Context, data_dir: Path | None) -> None:
    """Look at dead letters, send them again, accept or delete them.

    Personal data is never shown: of a record you see its masked fields, its length and its SHA-256.
    """
    logging.disable(logging.CRITICAL)  # what a client library logs about a broker that is away is said here
    if ctx.invoked_subcommand and not ctx.resilient_parsing:
        ctx.obj = admit(data_dir).settings


for _subcommand in (
    listing.command,
    show.command,
    stats.command,
    redrive.command,
    accept.command,
    purge.command,
):
    command.add_command(_subcommand)

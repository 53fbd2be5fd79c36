"""`openride audit`: every offset that was consumed, accounted for."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import groupby
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from openride_stream.audit.account import FATES, Account, Fate, totals
from openride_stream.audit.run import Auditor
from openride_stream.cli.tables import print_table
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import SystemClock
from openride_stream.embedded.here import settings_here
from openride_stream.events.topics import BY_NAME
from openride_stream.settings import Settings

_COLUMNS: Final[tuple[tuple[Fate, str], ...]] = (
    ("stored", "stored"),
    ("dead_lettered", "dead letters"),
    ("duplicate", "duplicates"),
    ("expired", "expired"),
    ("no_record", "no record"),
    ("unchecked", "cannot be checked"),
    ("missing", "missing"),
)
# The others have a column when there are any.
_ALWAYS: Final[frozenset[Fate]] = frozenset({"stored", "dead_lettered", "duplicate", "missing"})
# More are in --json.
_SHOWN_GAPS: Final = 50


@click.command(name="audit")
@click.option(
    "--topic",
    "topics",
    multiple=True,
    type=click.Choice(list(BY_NAME)),
    help="Only this topic; may be given several times.  [default: all nine]",
)
@click.option("--deep", is_flag=True, help="Read every retained record again, instead of believing offsets.")
@click.option("--json", "as_json", is_flag=True, help="Print one entry a partition as JSON.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder; the addresses of a stack that runs there are used.  [default: OPENRIDE_DATA_DIR]",
)
def command(topics: tuple[str, ...], deep: bool, as_json: bool, data_dir: Path | None) -> None:
    """Account for every offset that the consumer group has consumed.

    consumed = stored + dead letters + duplicates + expired + no record + cannot be checked + missing; what is
    missing is named. Reads only, and while workers run. Exit code 1 when anything is missing.
    """
    logging.disable(logging.CRITICAL)  # what client libraries log is said by the error
    settings, _ = settings_here(data_dir)
    accounts = asyncio.run(_audit(settings, topics or tuple(BY_NAME), deep, quiet=as_json))
    if as_json:
        click.echo(json.dumps(_as_json(accounts, settings), indent=2))
    else:
        _print_table(accounts)
    sys.exit(1 if totals(accounts)["missing"] else 0)


async def _audit(settings: Settings, topics: Sequence[str], deep: bool, *, quiet: bool) -> list[Account]:
    console = Console(stderr=True)
    store = ClickHouse.open(settings)
    try:
        with nullcontext() if quiet else console.status("") as status:
            tell: Callable[[str], None] = (lambda text: None) if status is None else status.update
            return await Auditor(settings, store, SystemClock(), deep).run(topics, tell)
    finally:
        await store.close()


def _as_json(accounts: Sequence[Account], settings: Settings) -> dict[str, object]:
    counts = totals(accounts)
    return {
        "consumer_group": settings.consumer_group,
        "complete": not counts["missing"],
        "consumed": sum(account.consumed for account in accounts),
        **{fate: counts[fate] for fate in FATES},
        "partitions": [account.as_json() for account in accounts],
    }


def _print_table(accounts: Sequence[Account]) -> None:
    counts = totals(accounts)
    columns = [(fate, name) for fate, name in _COLUMNS if counts[fate] or fate in _ALWAYS]
    table = Table(box=None, pad_edge=False)
    table.add_column("topic")
    for name in ("consumed", *(name for _, name in columns)):
        table.add_column(name, justify="right")
    for topic, group in groupby(accounts, key=lambda account: account.topic):
        _add_row(table, topic, list(group), columns)
    _add_row(table, "all", accounts, columns)
    print_table(table)
    console = Console(highlight=False, soft_wrap=True)
    for line in _gaps(accounts):
        console.print(f"[red]missing[/] {escape(line)}")


def _add_row(
    table: Table, name: str, accounts: Sequence[Account], columns: Sequence[tuple[Fate, str]]
) -> None:
    counts = totals(accounts)
    consumed = sum(account.consumed for account in accounts)
    table.add_row(name, f"{consumed:,}", *(f"{counts[fate]:,}" for fate, _ in columns))


def _gaps(accounts: Sequence[Account]) -> list[str]:
    lines = [
        f"{account.topic}[{account.partition}] offset {gap.first}"
        + (f"..{gap.last}" if gap.last > gap.first else "")
        + f": {gap.reason}"
        for account in accounts
        for gap in account.missing
    ]
    if len(lines) > _SHOWN_GAPS:
        return [*lines[:_SHOWN_GAPS], f"and {len(lines) - _SHOWN_GAPS} more: see --json"]
    return lines

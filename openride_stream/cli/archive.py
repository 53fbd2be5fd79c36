"""`openride archive`: months past their retention as Parquet files, and back."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Final

import click
from rich.table import Table

from openride_stream.archive.archivist import Archivist, Held, Outcome
from openride_stream.archive.months import TABLES
from openride_stream.cli.tables import print_table
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import SystemClock, rfc3339
from openride_stream.embedded.here import settings_here
from openride_stream.errors import Rejected
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.jobs import JobRuns
from openride_stream.runtime import worker_name

_JOB: Final = "archive"
_LEASE_S: Final = 60.0
_tables = click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice(TABLES),
    help="Only this table; may be given several times.  [default: all seven]",
)


class _Month(click.ParamType):
    """A month as YYYY-MM; YYYYMM as a number."""

    name = "month"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        year, _, month = value.partition("-")
        if not (len(year) == 4 and year.isdigit() and month.isdigit() and 1 <= int(month) <= 12):
            self.fail(f"{value} is no month; write one such as 2025-03", param, ctx)
        return int(year) * 100 + int(month)


@click.group(name="archive", invoke_without_command=True)
@_tables
@click.option("--dry-run", is_flag=True, help="Say what is due, and do nothing.")
@click.pass_context
def command(context: click.Context, tables: tuple[str, ...], dry_run: bool) -> None:
    """Archive every month that is past its retention: copy, read back, compare, drop.

    Files are Parquet, one a day, with a manifest, in OPENRIDE_ARCHIVE_DIR or in the bucket of
    OPENRIDE_FILES_URL. Safe to run again, and after it was killed. Needs OPENRIDE_ARCHIVE=true.
    """
    if context.invoked_subcommand is None:
        asyncio.run(_archive(tables or TABLES, dry_run))


@command.command(name="restore")
@click.argument("month", type=_Month())
@_tables
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(1, 3_650),
    help="Days that the month stays before it is archived again.",
)
def restore(month: int, tables: tuple[str, ...], days: int) -> None:
    """Bring an archived month (YYYY-MM) back into ClickHouse; its files stay."""
    asyncio.run(_restore(month, tables or TABLES, days))


@command.command(name="list")
@_tables
@click.option("--json", "as_json", is_flag=True, help="Print one entry a month as JSON.")
def listed(tables: tuple[str, ...], as_json: bool) -> None:
    """List archived months, and how many of their rows are in ClickHouse now: late, or restored."""
    found = asyncio.run(_list(tables or TABLES))
    if as_json:
        click.echo(json.dumps([_as_json(month) for month in found], indent=2))
    elif found:
        _print(found)
        shown = f"SELECT count() FROM {found[-1].in_sql}"  # noqa: S608  # it is not run
        click.echo(f"\nin place, by `clickhouse local`:  {shown}")
    else:
        click.echo("nothing is archived")


async def _archive(tables: Sequence[str], dry_run: bool) -> None:
    async with _opened(alone=not dry_run) as archivist:
        await archivist.ready()
        if dry_run:
            due = await archivist.due(tables)
            for table, month in due:
                click.echo(f"{table:<19} {_text(month)}  due")
            if not due:
                click.echo("nothing is due")
            return
        await _told(archivist.archive(tables))


async def _restore(month: int, tables: Sequence[str], days: int) -> None:
    async with _opened(alone=True) as archivist:
        await archivist.ready()
        await _told(archivist.restore(month, tables, days))


async def _told(outcomes: AsyncIterator[Outcome]) -> None:
    async for outcome in outcomes:
        late = ", came in after the month had been archived" if outcome.late else ""
        line = f"{outcome.table:<19} {_text(outcome.month)}  {outcome.outcome}  {outcome.rows:,} rows{late}"
        click.echo(line)


async def _list(tables: Sequence[str]) -> list[Held]:
    async with _opened(alone=False) as archivist:
        return await archivist.held(tables)


@asynccontextmanager
async def _opened(*, alone: bool) -> AsyncIterator[Archivist]:
    """The archivist; `alone` no other one runs in the cluster meanwhile."""
    settings, _ = settings_here()
    store, clock = ClickHouse.open(settings), SystemClock()
    metadata = Metadata.open(settings.metadata_url)
    try:
        archivist = Archivist(store, settings, clock)
        if not alone:
            yield archivist
            return
        runs, slot, worker = JobRuns(metadata, clock), rfc3339(clock.now_ms()), worker_name()
        if not await runs.claim(_JOB, slot, worker, _LEASE_S, alone=True):
            message = "another `openride archive` runs, or one died less than a minute ago"
            raise Rejected(message)
        try:
            async with runs.kept(_JOB, slot, worker, _LEASE_S):
                yield archivist
        finally:
            await runs.finish(_JOB, slot, worker, "completed")
    finally:
        await metadata.close()
        await store.close()


def _as_json(month: Held) -> dict[str, object]:
    return {
        "table": month.table,
        "month": _text(month.month),
        "state": month.state,
        "rows_in_clickhouse": month.rows_here,
        "in_sql": month.in_sql,
        "copies": [asdict(copy) for copy in month.copies],
    }


def _print(found: Sequence[Held]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("table", "month", "state"):
        table.add_column(name)
    for name in ("archived rows", "MB", "files", "in ClickHouse"):
        table.add_column(name, justify="right")
    for month in found:
        files = [file for copy in month.copies for file in copy.files]
        table.add_row(
            month.table,
            _text(month.month),
            month.state,
            f"{sum(copy.content.rows for copy in month.copies):,}",
            f"{sum(file.size_bytes for file in files) / 1e6:,.1f}",
            f"{len(files):,}",
            f"{month.rows_here:,}",
        )
    print_table(table)


def _text(month: int) -> str:
    return f"{month // 100}-{month % 100:02}"

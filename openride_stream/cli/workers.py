"""`openride workers`: who holds which partitions, since when, how far behind and how fast."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from sqlalchemy import make_url

from openride_stream.clock import SystemClock
from openride_stream.embedded.here import nothing_here, settings_here
from openride_stream.errors import BrokerUnavailable, ConfigurationError
from openride_stream.fleet import Fleet, lag_of, rate_of
from openride_stream.kafka.end_offsets import broker_misreports_end
from openride_stream.kafka.lag import group_lag
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.migrate import current, head
from openride_stream.metadata.workers import Holding, LiveWorker, Workers
from openride_stream.settings import Settings
from openride_stream.stall import Partition

_WATCH_INTERVAL_S: Final = 2.0


@click.command(name="workers")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with --watch one object a line.")
@click.option("--watch", is_flag=True, help="Look again every 2 s, until Ctrl-C.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder; the addresses of a stack that runs there are used.  [default: OPENRIDE_DATA_DIR]",
)
def command(as_json: bool, watch: bool, data_dir: Path | None) -> None:
    """Show the live workers: which partitions each holds, since when, its lag and its rate.

    A worker that died disappears within the session time-out (OPENRIDE_BROKER_SESSION_TIMEOUT_S).
    """
    logging.disable(logging.CRITICAL)  # what a client library logs about a broker that is away is said here
    settings, _ = settings_here(data_dir)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_watch(settings, as_json) if watch else _once(settings, as_json))


async def _once(settings: Settings, as_json: bool) -> None:
    async with _open(settings) as metadata:
        look = await _Look.at(metadata, settings)
    if as_json:
        click.echo(json.dumps(look.as_json(), indent=2))
    elif not look.is_down:  # a table of nobody and question marks says less than the error
        _print(look)
    if look.is_down:
        message = f"no worker lives, and Kafka at {settings.kafka_bootstrap_servers} cannot be reached"
        raise BrokerUnavailable(message)


async def _watch(settings: Settings, as_json: bool) -> None:
    async with _open(settings) as metadata:
        with _shown(as_json) as show:
            while True:
                show(await _Look.at(metadata, settings))
                await asyncio.sleep(_WATCH_INTERVAL_S)


@contextlib.contextmanager
def _shown(as_json: bool) -> Iterator[Callable[["_Look"], None]]:
    """What shows a look: in the place of the last one on a terminal, after it in a file or a pipe."""
    if as_json:
        yield lambda look: click.echo(json.dumps(look.as_json()))
    elif Console().is_terminal:
        with Live(auto_refresh=False) as live:
            yield lambda look: live.update(look.as_table(), refresh=True)
    else:
        yield lambda look: _print(look, "")


def _print(look: "_Look", *more: str) -> None:
    # Rich flushes after every print: whoever reads the pipe has the table at once.
    Console(highlight=False, soft_wrap=True).print(look.as_table(), *more, sep="\n")


@contextlib.asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Metadata]:
    """The metadata store, which workers report to.

    Raises:
        ConfigurationError: there is none yet, or it is an older one.
    """
    _require_file(settings)
    if await current(settings.metadata_url) != head():
        message = "the metadata store has not been migrated to this version: run `openride migrate`"
        raise ConfigurationError(message)
    metadata = Metadata.open(settings.metadata_url)
    try:
        yield metadata
    finally:
        await metadata.close()


def _require_file(settings: Settings) -> None:
    """To ask SQLite for a file that is not there would make it."""
    parsed = make_url(settings.metadata_url)
    if parsed.drivername.startswith("sqlite") and not Path(parsed.database or "").exists():
        usual = f"no metadata store at {parsed.database}: run `openride migrate`, or give --data-dir"
        raise ConfigurationError(nothing_here(settings) or usual)


class _Look:
    """One look at the fleet, with the lag of what nobody holds: only the broker knows that."""

    def __init__(self, fleet: Fleet, unheld_lag: Mapping[Partition, int] | None, now_ms: int) -> None:
        self._fleet = fleet
        self._unheld_lag = unheld_lag
        self._now_ms = now_ms

    @classmethod
    async def at(cls, metadata: Metadata, settings: Settings) -> "_Look":
        alive = await Workers(metadata, settings.consumer_group).alive()
        fleet = Fleet.of(alive, settings)
        unheld_lag = await _lags(settings, fleet.unheld) if fleet.unheld else {}
        return cls(fleet, unheld_lag, SystemClock().now_ms())

    @property
    def is_down(self) -> bool:
        """Whether there is no worker, and no broker that says what waits."""
        return not self._fleet.workers and self._unheld_lag is None

    def as_json(self) -> dict[str, object]:
        lags = self._unheld_lag or {}
        unheld = [
            {"topic": topic, "partition": number, "lag": lags.get((topic, number))}
            for topic, number in self._fleet.unheld
        ]
        return self._fleet.as_json() | {"unheld": unheld}

    def as_table(self) -> RenderableType:
        table = Table(box=None, pad_edge=False)
        for name in ("worker", "topic", "partitions", "since"):
            table.add_column(name)
        for name in ("lag", "records/s"):
            table.add_column(name, justify="right")
        for worker in self._fleet.workers:
            self._add_worker(table, worker)
        self._add_unheld(table)
        return Group(table, "", *self._summary())

    def _add_worker(self, table: Table, worker: LiveWorker) -> None:
        name = escape(worker.seat.worker)
        if not worker.seat.holdings:
            table.add_row(name, "-", "", "", "", "")
        for topic, group in groupby(worker.seat.holdings, key=lambda held: held.topic):
            held = list(group)
            since = f"{_duration(self._now_ms - min(one.since_ms for one in held))} ago"
            table.add_row(
                name, topic, spans(one.partition for one in held), since, f"{lag_of(held):,}", _rate(held)
            )
            name = ""

    def _add_unheld(self, table: Table) -> None:
        lags, name = self._unheld_lag, "[red](nobody)[/]"
        for topic, group in groupby(self._fleet.unheld, key=lambda place: place[0]):
            places = list(group)
            lag = "?" if lags is None else f"{sum(lags.get(place, 0) for place in places):,}"
            table.add_row(name, topic, spans(number for _, number in places), "", lag, "")
            name = ""

    def _summary(self) -> list[str]:
        held = [one for worker in self._fleet.workers for one in worker.seat.holdings]
        workers = len(self._fleet.workers)
        troubles = [
            f"[yellow]![/] {escape(worker.seat.worker)}: {escape(worker.seat.trouble)}"
            for worker in self._fleet.workers
            if worker.seat.trouble
        ]
        return [
            f"{workers} worker{'' if workers == 1 else 's'} in group {escape(self._fleet.consumer_group)}: "
            f"{len(held)} partitions, lag {self._lag(held)}, {_rate(held)} records/s",
            *troubles,
        ]

    def _lag(self, held: Sequence[Holding]) -> str:
        """Of all partitions, those of nobody as well."""
        if self._unheld_lag is None:
            return f"at least {lag_of(held):,}" if held else "?"
        return f"{lag_of(held) + sum(self._unheld_lag.get(place, 0) for place in self._fleet.unheld):,}"


async def _lags(settings: Settings, partitions: Sequence[Partition]) -> dict[Partition, int] | None:
    """Lag by partition; None when the broker does not answer."""
    try:
        mend_ends = settings.kafka_end_offset_probe and await broker_misreports_end(settings)
        found = await group_lag(settings, sorted({topic for topic, _ in partitions}), mend_ends)
    except BrokerUnavailable:
        return None
    return {(one.topic, one.partition): one.lag for one in found}


def spans(numbers: Iterable[int]) -> str:
    """Ascending numbers, runs of them as `first-last`: "0-2 5"."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return " ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)


def _rate(holdings: Sequence[Holding]) -> str:
    return f"{rate_of(holdings):,.0f}"


def _duration(ms: int) -> str:
    seconds = max(0, ms) // 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

"""`openride replay`: trips or events from a file to Kafka."""

import asyncio
import re
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from openride_stream.cli.moments import Moment
from openride_stream.clock import Clock, SystemClock, utc_from_ms
from openride_stream.embedded.here import settings_here
from openride_stream.events.topics import BY_NAME
from openride_stream.logs import configure, quiet_kafka
from openride_stream.replay.clockwork import AtOnce, Pace, TimesRealTime
from openride_stream.replay.demo import Demo
from openride_stream.replay.dressing import Roughness
from openride_stream.replay.progress import Bar
from openride_stream.replay.recordlog import RecordLog
from openride_stream.replay.run import Outlet, Replay
from openride_stream.replay.sender import Sender
from openride_stream.replay.sources import Order, Source, open_source
from openride_stream.replay.story import DAY_MS
from openride_stream.replay.trips import CURRENCY, read_trips
from openride_stream.settings import Settings

SHARE = click.FloatRange(0, 1)


class CurrencyCode(click.ParamType):
    """Three capital letters, as ISO 4217 has them."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the option's text."""
        if not re.fullmatch("[A-Z]{3}", value):
            self.fail(f"{value} is not a currency code such as USD", param, ctx)
        return value


@click.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[FILE]"
)
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Times as fast as real time.")
@click.option("--max", "at_once", is_flag=True, help="As fast as Kafka takes it (the default).")
@click.option("--end", "end_ms", type=Moment(), help="Shift the last trip to end then, instead of now.")
@click.option("--keep-times", is_flag=True, help="Leave the trips at the times of the file.")
@click.option("--loop", is_flag=True, help="Start again at the end, with new rides, until stopped.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many trips.")
@click.option("--seed", default=1, show_default=True, help="Another seed makes other people and other luck.")
@click.option("--bad", default=0.0, type=SHARE, help="Bad records for one good one (0..1).")
@click.option("--duplicates", default=0.0, type=SHARE, help="Share of records that are sent twice.")
@click.option("--conflicts", default=0.0, type=SHARE, help="Share of ids that are reused for other bytes.")
@click.option("--without-ids", default=0.0, type=SHARE, help="Share of events that carry no event_id.")
@click.option(
    "--reminders", default=0.5, show_default=True, type=SHARE, help="Share of bookings with a reminder."
)
@click.option(
    "--schedules",
    "due",
    type=click.IntRange(min=1),
    metavar="N",
    help="Instead of trips a simulated scheduler: N times that a schedule is due, over all tiers.",
)
@click.option(
    "--days",
    default=1,
    show_default=True,
    type=click.IntRange(1, 60),
    help="Over how many days these are spread, up to --end or now.",
)
@click.option(
    "--currency",
    default=CURRENCY,
    show_default=True,
    type=CurrencyCode(),
    help="Currency of the fares in a file of trips.",
)
@click.option(
    "--json-out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write what is sent as JSON Lines.",
)
@click.option("--dry-run", is_flag=True, help="Send nothing.")
@click.option("--demo", is_flag=True, help="A month at once, then live for ever: what `openride up` runs.")
def command(
    *,
    file: Path | None,
    speed: float | None,
    at_once: bool,
    end_ms: int | None,
    keep_times: bool,
    loop: bool,
    limit: int | None,
    seed: int,
    bad: float,
    duplicates: float,
    conflicts: float,
    without_ids: float,
    reminders: float,
    due: int | None,
    days: int,
    currency: str,
    json_out: Path | None,
    dry_run: bool,
    demo: bool,
) -> None:
    """Send a file of trips or events to Kafka.

    FILE is a CSV of taxi trips (default: 6,433 trips of New York, March 2019), which become full life
    cycles of events, or a .jsonl or .csv file of events, which are sent as they are. The whole file is
    read before the first record is sent. docs/producers.md describes the columns.

    With --schedules N no trips are sent: a simulated scheduler is, with queueing delays, retries, a burst of
    failures and a node that gets stuck (docs/schedules.md).

    Trips are shifted so that the last one ends now. The same seed and the same --end give the same
    events, byte for byte; without --end every run is new rides.
    """
    _refuse(bool(speed and at_once), "--speed and --max exclude each other")
    _refuse(keep_times and (end_ms is not None or loop), "--keep-times excludes --end and --loop")
    timed = speed or at_once or keep_times or loop or end_ms is not None or dry_run
    _refuse(bool(demo and timed), "--demo chooses its own times: no --speed, --max, --end, --loop, --dry-run")
    others = file is not None or keep_times or loop or demo or limit is not None
    _refuse(bool(due and others), "--schedules excludes a FILE, --keep-times, --loop, --limit and --demo")
    roughness = Roughness(seed, bad, duplicates, conflicts, without_ids)
    order = Order(file, speed, keep_times, loop, end_ms, reminders, limit, roughness, currency, due, days)
    shifted = loop or end_ms is not None
    _refuse(
        shifted and order.holds_events(), "a file of events is sent as it is: --loop and --end are for trips"
    )
    # The demo keeps a log.
    with nullcontext() if demo else quiet_kafka():
        code = asyncio.run(_main(order, RecordLog(json_out), dry_run=dry_run, demo=demo))
    sys.exit(code)


def _refuse(wrong: bool, message: str) -> None:
    if wrong:
        raise click.UsageError(message)


async def _main(order: Order, log: RecordLog, *, dry_run: bool, demo: bool) -> int:
    (settings, _), clock, stop = settings_here(), SystemClock(), _stopped_by_signals()
    with log:
        if demo:
            configure(settings, "replay")
            trips = read_trips(order.file, order.limit)
            demo_run = Demo(
                settings,
                clock,
                Outlet(None, log, stop),
                trips,
                roughness=order.roughness,
                reminder_share=order.reminder_share,
            )
            await demo_run.run()
            return 0
        source = open_source(order, settings, clock)
        _warn_if_old(source, settings, clock)
        sender = None if dry_run else Sender(settings)
        try:
            if sender:
                await sender.start(tuple(BY_NAME))
            return await _replay(order, source, clock, Outlet(sender, log, stop))
        finally:
            if sender:
                await sender.close()


def _stopped_by_signals() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stop.set)
    return stop


async def _replay(order: Order, source: Source, clock: Clock, outlet: Outlet) -> int:
    pace: Pace = TimesRealTime(order.speed, clock) if order.speed else AtOnce()
    span_ms = None if source.start_ms is None or source.end_ms is None else (source.start_ms, source.end_ms)
    with Bar(clock, span_ms) as bar:
        replay = Replay(outlet, clock, bar)
        await replay.run(source.parcels, pace)
    totals, said = replay.totals, "sent and acknowledged" if outlet.sender else "made, none sent"
    faults = (
        f": {totals.bad:,} bad, {totals.duplicates:,} duplicates" if totals.bad + totals.duplicates else ""
    )
    click.echo(f"{totals.records:,} record{'' if totals.records == 1 else 's'} {said}{faults}", err=True)
    return 130 if outlet.stop.is_set() and not order.loop else 0


def _warn_if_old(source: Source, settings: Settings, clock: Clock) -> None:
    oldest_ms = clock.now_ms() - settings.retention_events_days * DAY_MS
    if source.start_ms is not None and source.start_ms < oldest_ms:
        begins, kept = utc_from_ms(source.start_ms), utc_from_ms(oldest_ms)
        click.echo(
            f"warning: trips begin {begins:%Y-%m-%d}; events before {kept:%Y-%m-%d} are older than the "
            "tables keep and become dead letters (too_late)",
            err=True,
        )

"""`openride replay`: trips or events from a file to Kafka."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import click

from openride_stream.cli.moments import Moment
from openride_stream.clock import Clock, SystemClock, utc_from_ms
from openride_stream.events.topics import BY_NAME
from openride_stream.logs import configure
from openride_stream.replay.clockwork import AtOnce, Pace, TimesRealTime
from openride_stream.replay.demo import Demo
from openride_stream.replay.dressing import Roughness, dressed, retention_by_table, roughened
from openride_stream.replay.eventfiles import holds_events, read_parcels
from openride_stream.replay.lifecycle import Pass, Recipe, make_pass, shift_to_end
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.progress import Bar
from openride_stream.replay.recordlog import RecordLog
from openride_stream.replay.run import Outlet, Replay
from openride_stream.replay.sender import Sender
from openride_stream.replay.story import DAY_MS
from openride_stream.replay.trips import Trip, read_trips
from openride_stream.settings import Settings

SHARE = click.FloatRange(0, 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for."""

    file: Path | None
    speed: float | None
    keep_times: bool
    loop: bool
    end_ms: int | None
    reminder_share: float
    limit: int | None
    roughness: Roughness

    def recipe(self, settings: Settings, shift_ms: int, loop: int) -> Recipe:
        """The recipe of pass number `loop`; locations that their table no longer keeps are not told."""
        days = None if self.keep_times else settings.retention_location_days - 2
        return Recipe(self.roughness.seed, shift_ms, loop, settings.currency, self.reminder_share, days)


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
    "--schedules", default=0.5, show_default=True, type=SHARE, help="Share of bookings with a reminder."
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
    schedules: float,
    json_out: Path | None,
    dry_run: bool,
    demo: bool,
) -> None:
    """Send a file of trips or events to Kafka.

    FILE is a CSV of taxi trips (default: 6,433 trips of New York, March 2019), which become full life
    cycles of events, or a .jsonl or .csv file of events, which are sent as they are.

    Trips are shifted so that the last one ends now. The same seed and the same --end give the same
    events, byte for byte; without --end every run is new rides.
    """
    _refuse(bool(speed and at_once), "--speed and --max exclude each other")
    _refuse(keep_times and (end_ms is not None or loop), "--keep-times excludes --end and --loop")
    timed = speed or at_once or keep_times or loop or end_ms is not None or dry_run
    _refuse(bool(demo and timed), "--demo chooses its own times: no --speed, --max, --end, --loop, --dry-run")
    roughness = Roughness(seed, bad, duplicates, conflicts, without_ids)
    plan = Plan(file, speed, keep_times, loop, end_ms, schedules, limit, roughness)
    sys.exit(asyncio.run(_main(plan, RecordLog(json_out), dry_run=dry_run, demo=demo)))


def _refuse(wrong: bool, message: str) -> None:
    if wrong:
        raise click.UsageError(message)


async def _main(plan: Plan, log: RecordLog, *, dry_run: bool, demo: bool) -> int:
    settings, clock, stop = Settings(), SystemClock(), _stopped_by_signals()
    with log:
        if demo:
            configure(settings, "replay")
            trips = read_trips(plan.file, plan.limit)
            demo_run = Demo(
                settings,
                clock,
                Outlet(None, log, stop),
                trips,
                roughness=plan.roughness,
                reminder_share=plan.reminder_share,
            )
            await demo_run.run()
            return 0
        sender = None if dry_run else Sender(settings.kafka_bootstrap_servers)
        try:
            if sender:
                await sender.start(tuple(BY_NAME))
            return await _replay(plan, settings, clock, Outlet(sender, log, stop))
        finally:
            if sender:
                await sender.close()


def _stopped_by_signals() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stop.set)
    return stop


async def _replay(plan: Plan, settings: Settings, clock: Clock, outlet: Outlet) -> int:
    pace: Pace = TimesRealTime(plan.speed, clock) if plan.speed else AtOnce()
    parcels, span_ms = _source(plan, settings, clock)
    with Bar(clock, span_ms) as bar:
        replay = Replay(outlet, clock, bar)
        await replay.run(parcels, pace)
    totals, said = replay.totals, "sent and acknowledged" if outlet.sender else "made, none sent"
    text = f"{totals.records:,} records {said}: {totals.bad:,} bad, {totals.duplicates:,} duplicates"
    click.echo(text, err=True)
    return 130 if outlet.stop.is_set() and not plan.loop else 0


def _source(plan: Plan, settings: Settings, clock: Clock) -> tuple[Iterator[Parcel], tuple[int, int] | None]:
    """The parcels, and the event times that they span where that is known (ms since the epoch)."""
    retention_days = retention_by_table(settings)
    if plan.file and holds_events(plan.file):
        shifted = plan.loop or plan.end_ms is not None
        _refuse(shifted, "a file of events is sent as it is: --loop and --end are for trips")
        return roughened(read_parcels(plan.file), plan.file.name, plan.roughness, retention_days), None
    trips = read_trips(plan.file, plan.limit)
    first = _pass(plan, settings, clock, trips, 0)
    _warn_if_old(first, settings, clock)
    if not plan.loop:
        return _dressed(first, plan, settings), (first.start_ms, first.end_ms)
    later = (_pass(plan, settings, clock, trips, number) for number in count(1))
    return _one_after_the_other(first, later, plan, settings), None


def _pass(plan: Plan, settings: Settings, clock: Clock, trips: list[Trip], loop: int) -> Pass:
    end_ms = clock.now_ms() if plan.end_ms is None else plan.end_ms
    shift_ms = 0 if plan.keep_times else shift_to_end(trips, end_ms)
    return make_pass(trips, plan.recipe(settings, shift_ms, loop))


def _one_after_the_other(
    first: Pass, later: Iterator[Pass], plan: Plan, settings: Settings
) -> Iterator[Parcel]:
    yield from _dressed(first, plan, settings)
    for one in later:
        yield from _dressed(one, plan, settings)


def _dressed(one: Pass, plan: Plan, settings: Settings) -> Iterator[Parcel]:
    scope = one.recipe.ids().scope
    return dressed(one.events(), scope, plan.roughness, retention_by_table(settings))


def _warn_if_old(first: Pass, settings: Settings, clock: Clock) -> None:
    oldest_ms = clock.now_ms() - settings.retention_events_days * DAY_MS
    if first.start_ms < oldest_ms:
        begins, kept = utc_from_ms(first.start_ms), utc_from_ms(oldest_ms)
        click.echo(
            f"warning: trips begin {begins:%Y-%m-%d}; events before {kept:%Y-%m-%d} are older than the "
            "tables keep and become dead letters (too_late)",
            err=True,
        )

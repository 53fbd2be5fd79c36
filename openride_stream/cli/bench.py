"""`openride bench`: this application beside its peers."""

import asyncio
import json
from dataclasses import asdict

import click

from bench import exports as exporting
from bench import push as pushing
from bench import report
from bench import scaling as scale
from bench import soak as soaking
from bench.ingest import Plan, chosen, run
from bench.peers import PEERS
from bench.query import run as asking
from bench.schedules import run as scheduling
from openride_stream.cli.tables import print_table
from openride_stream.errors import ConfigurationError


@click.group(name="bench")
def command() -> None:
    """Measure this application beside its peers."""


@command.command()
@click.option(
    "--events",
    default=300_000,
    show_default=True,
    type=click.IntRange(1_000, 3_000_000),
    help="Events in the backlog that each peer drains; the broker keeps them in memory.",
)
@click.option(
    "--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Runs of each peer."
)
@click.option("--only", multiple=True, metavar="NAME", help="Run this peer; may be given more than once.")
@click.option(
    "--rate",
    default=20_000,
    show_default=True,
    type=click.IntRange(min=100),
    help="Events a second while latency is measured; a slower peer gets 70 % of what it drained.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def ingest(events: int, repeats: int, only: tuple[str, ...], rate: int, as_json: bool) -> None:
    """Drain the same backlog with every peer: throughput, CPU, memory; then latency at a steady rate.

    Each run has a broker and a ClickHouse of its own, and fails unless exactly the events sent are stored.
    Figures are medians of the repeats.
    """
    unknown = set(only) - set(PEERS)
    if unknown:
        message = f"--only: no peer {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}"
        raise ConfigurationError(message)
    plan = Plan(events, repeats, chosen(only), rate)
    results = report.medians(asyncio.run(run(plan, lambda line: click.echo(line, err=True))))
    if as_json:
        click.echo(json.dumps(report.as_json(results)))
    else:
        print_table(report.as_table(results))


@command.command()
@click.option(
    "--events",
    default=20_000_000,
    show_default=True,
    type=click.IntRange(20_000, 50_000_000),
    help="Events of the history that is asked about; a gigabyte on disk for 20 million.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def query(events: int, as_json: bool) -> None:
    """Ask every endpoint about half a year of events: cold, from the cache, by one client and by fifty."""
    found = asyncio.run(asking.run(events, lambda line: click.echo(line, err=True)))
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_table(report.as_answers(found))
        print_table(report.as_comparison(found["naive"]))


@command.command()
@click.option(
    "--executions",
    default=5_000_000,
    show_default=True,
    type=click.IntRange(1_000, 20_000_000),
    help="Executions of the month that is asked about; half a gigabyte on disk for five million.",
)
@click.option(
    "--arriving",
    default=300_000,
    show_default=True,
    type=click.IntRange(0, 3_000_000),
    help="Executions in the backlog that a worker drains first; 0 for none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def schedules(executions: int, arriving: int, as_json: bool) -> None:
    """Ask everything about a month of schedule executions, nothing kept; and how many a second come in."""
    found = asyncio.run(scheduling.run(executions, arriving, lambda line: click.echo(line, err=True)))
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_table(report.as_schedules(found))


@command.command()
@click.option(
    "--events",
    default=600_000,
    show_default=True,
    type=click.IntRange(1_000, 3_000_000),
    help="Events in the backlog; the broker keeps them in memory.",
)
@click.option(
    "--workers", default=2, show_default=True, type=click.IntRange(2, 8), help="To be compared with one."
)
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Runs of each.")
@click.option(
    "--rate",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Events a second; 0: a backlog that is drained, which keeps every core busy.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def scaling(events: int, workers: int, repeats: int, rate: int, as_json: bool) -> None:
    """The same events for one worker and for several: what an event costs all of them together.

    In turns; figures are medians. Fails unless exactly the events sent are stored.
    """
    counts = (1, workers)
    found = asyncio.run(scale.run(events, counts, repeats, rate, lambda line: click.echo(line, err=True)))
    if as_json:
        click.echo(json.dumps({"rows": [spent.as_json() for spent in found]}))
    else:
        ratio = found[1].cpu_us_per_event / found[0].cpu_us_per_event
        click.echo(f"{workers} workers take {ratio:.2f} times the CPU of one for an event")


@command.command()
@click.option(
    "--events",
    default=3_000_000,
    show_default=True,
    type=click.IntRange(1_000, 20_000_000),
    help="Events to send; the broker keeps them in memory (0.5 GB a million).",
)
@click.option(
    "--rate", default=20_000, show_default=True, type=click.IntRange(min=100), help="Events a second."
)
@click.option(
    "--store-rows",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Rows a second that the store takes while events come in; 0 for as many as it can.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def soak(events: int, rate: int, store_rows: int, as_json: bool) -> None:
    """Run one worker for long and watch its memory; with --store-rows before a store that is too slow.

    Fails unless exactly the events sent are stored in the end.
    """
    course = asyncio.run(
        soaking.run(soaking.Soak(events, rate, store_rows), lambda line: click.echo(line, err=True))
    )
    if as_json:
        click.echo(json.dumps(course.as_json()))
    else:
        click.echo(f"{course.events:,} events at {course.sent_per_s:,} a second, all of them stored")
        click.echo(f"memory: {', '.join(f'{mb:,.0f}' for mb in course.rss_mb)} MiB over the time")
        click.echo(f"        peak {course.peak_rss_mb:,.0f} MiB; once warm it swings by {course.swing:.0%},")
        click.echo(f"        and its median over a tenth of the time drifts by up to {course.drift:.0%}")
        click.echo(f"the rest was stored within {course.drained_s:,.1f} s of the last event")


@command.command()
@click.option(
    "--clients",
    default=1_000,
    show_default=True,
    type=click.IntRange(1, 8_000),
    help="Who listen, half by each way.",
)
@click.option(
    "--events",
    default=200_000,
    show_default=True,
    type=click.IntRange(1_000, 1_000_000),
    help="Events of each stretch; the broker keeps all of them in memory.",
)
@click.option(
    "--rate", default=20_000, show_default=True, type=click.IntRange(min=100), help="Events a second."
)
@click.option(
    "--repeats", default=6, show_default=True, type=click.IntRange(min=1), help="Pairs of stretches."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def push(clients: int, events: int, rate: int, repeats: int, as_json: bool) -> None:
    """What many clients of the realtime push cost: events from produce to queryable, with them and without.

    One worker, WebSockets and server-sent events, stretches in turns; figures are medians, ratios those of
    pairs that follow one another.
    """
    crowd = pushing.Crowd(clients, events, rate, repeats)
    cost = asyncio.run(pushing.run(crowd, lambda line: click.echo(line, err=True)))
    if as_json:
        click.echo(json.dumps(cost.as_json()))
    else:
        found = cost.as_json()
        for name in ("without", "with"):
            figures = found[name]
            click.echo(
                f"{name + ':':9}p50 {figures['p50_ms']:,.0f} ms, p95 {figures['p95_ms']:,.0f} ms, "
                f"{figures['cpu_us_per_event']} µs of the worker an event"
            )
        click.echo(f"{clients:,} clients: p95 is {cost.ratios} what it is without them")


@command.command()
@click.option(
    "--rate", default=20_000, show_default=True, type=click.IntRange(min=100), help="Events a second."
)
@click.option(
    "--repeats", default=2, show_default=True, type=click.IntRange(min=1), help="Pairs of measurements."
)
@click.option("--files/--no-files", default=True, help="Write files of each format, alone, as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def export(rate: int, repeats: int, files: bool, as_json: bool) -> None:
    """Write exports of a million rows; then see what an Excel file costs the latency of ingest."""
    found = asyncio.run(exporting.run(rate, repeats, files, lambda line: click.echo(line, err=True)))
    if as_json:
        click.echo(json.dumps({**asdict(found), "p95_ratio": found.ratios.as_json()}))
    else:
        click.echo(f"beside an Excel export p95 is {found.ratios} what it is without one")

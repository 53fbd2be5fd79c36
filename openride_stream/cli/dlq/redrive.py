"""`openride dlq redrive`: dead letters through the front door again."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import asdict

import click

from openride_stream.cli.dlq.options import AS_JSON, DRY_RUN, Wanted, filters
from openride_stream.cli.dlq.output import Meter, as_json
from openride_stream.cli.dlq.states import open_ledger
from openride_stream.clock import SystemClock
from openride_stream.kafka.dlq.reading import open_reader
from openride_stream.kafka.dlq.redriving import FrontDoor, Plan, Redrive, Tally
from openride_stream.settings import Settings


@click.command(name="redrive")
@filters
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, the oldest of each partition.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many a second, on average."
)
@click.option(
    "--max-attempts",
    type=click.IntRange(min=1),
    help="Leave alone what has failed this often.  [default: OPENRIDE_DLQ_MAX_ATTEMPTS]",
)
@DRY_RUN
@AS_JSON
@click.pass_obj
def command(
    settings: Settings,
    *,
    wanted: Wanted,
    limit: int | None,
    rate: float | None,
    max_attempts: int | None,
    dry_run: bool,
    json_: bool,
) -> None:
    """Send dead letters to their source topics again, each once.

    A record keeps its bytes, its identity and its count of attempts. One that fails again comes back as a
    dead letter with one attempt more. Only what is a dead letter now is sent, not what becomes one meanwhile.
    """
    plan = Plan(wanted.selection(settings), max_attempts or settings.dlq_max_attempts, limit, rate)
    tally = asyncio.run(_redrive(settings, wanted, plan, dry_run))
    if json_:
        as_json({"dry_run": dry_run, **asdict(tally)})
        return
    click.echo(
        f"{tally.sent:,} {'would be sent' if dry_run else 'sent'}; left alone: {tally.already:,} redriven "
        f"before, {tally.given_up:,} given up after {plan.max_attempts} attempts, "
        f"{tally.refused:,} too large for their topic"
    )


async def _redrive(settings: Settings, wanted: Wanted, plan: Plan, dry_run: bool) -> Tally:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(open_ledger(settings))
        reader = await stack.enter_async_context(open_reader(settings, wanted.topics))
        door = None if dry_run else await stack.enter_async_context(FrontDoor.of(settings, clock))
        meter = stack.enter_context(Meter("redrive", reader.total_offsets))

        def seen(tally: Tally) -> None:
            meter.show(reader.read_offsets, f"{tally.sent:,} sent")

        return await Redrive(plan, ledger, door, clock, seen).run(reader.runs())

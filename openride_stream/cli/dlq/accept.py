"""`openride dlq accept`: let a paused partition go on, its bad records as dead letters."""

import asyncio

import click

from openride_stream.cli.dlq.options import AS_JSON, DRY_RUN, TOPIC
from openride_stream.cli.dlq.output import as_json
from openride_stream.errors import Rejected
from openride_stream.kafka.dlq.acceptance import accept, accepted_until, ends_of
from openride_stream.kafka.lag import group_lag
from openride_stream.settings import Settings


@click.command(name="accept")
@click.argument("topic", type=TOPIC, metavar="TOPIC")
@click.option(
    "--partition",
    "partitions",
    type=click.IntRange(min=0),
    multiple=True,
    help="Only this partition; may be given several times.",
)
@DRY_RUN
@AS_JSON
@click.pass_obj
def command(settings: Settings, topic: str, partitions: tuple[int, ...], dry_run: bool, json_: bool) -> None:
    """Let the bad records that TOPIC holds now become dead letters.

    A partition that was paused because too many of its records are bad goes on within seconds. Where no
    record waits, nothing is paused and nothing is done. What is sent from now on counts again: while the
    cause lasts, the partition will be paused once more.
    """
    until = asyncio.run(_accept(settings, topic, partitions, dry_run))
    if json_:
        as_json(
            {
                "dry_run": dry_run,
                "topic": topic,
                "partitions": [{"partition": number, "until": offset} for number, offset in until.items()],
            }
        )
        return
    said = "would become dead letters" if dry_run else "become dead letters"
    for number, offset in until.items():
        click.echo(f"{topic}[{number}]: bad records that wait before offset {offset} {said}")
    if until and not dry_run:
        click.echo("A partition that is paused goes on within seconds; for any other nothing changes.")
    elif not until:
        click.echo(f"nothing was done: no record of {topic} waits, so nothing is paused")


async def _accept(
    settings: Settings, topic: str, partitions: tuple[int, ...], dry_run: bool
) -> dict[int, int]:
    """By partition, before which offset its bad records are accepted; those without a record that waits are
    left out: what is paused has some.
    """
    ends = await ends_of(settings, topic)
    unknown = [number for number in partitions if (topic, number) not in ends]
    if unknown or not ends:
        message = f"{topic} has no partition {unknown[0]}" if unknown else f"there is no topic {topic}"
        raise Rejected(message)
    read = {(one.topic, one.partition): one.committed or 0 for one in await group_lag(settings, [topic])}
    chosen = {
        place: end
        for place, end in ends.items()
        if (not partitions or place[1] in partitions) and end > read.get(place, 0)
    }
    before = await accepted_until(settings, list(chosen))
    longer = {place: end for place, end in chosen.items() if end > before.get(place, 0)}
    if longer and not dry_run:
        await accept(settings, longer)
    return {number: max(end, before.get((topic, number), 0)) for (_, number), end in sorted(chosen.items())}

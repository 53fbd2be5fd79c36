"""`openride dlq purge`: delete the oldest dead letters."""

import asyncio
from collections.abc import Sequence

import click

from openride_stream.cli.dlq.options import AS_JSON, DRY_RUN, TOPIC
from openride_stream.cli.dlq.output import Meter, as_json, counted
from openride_stream.cli.dlq.states import open_ledger
from openride_stream.cli.moments import EXAMPLES, Moment
from openride_stream.kafka.dlq.purging import Cut, cuts_before, purge, require_deletion
from openride_stream.kafka.dlq.reading import open_reader
from openride_stream.settings import Settings


@click.command(name="purge")
@click.option("--topic", "topics", type=TOPIC, multiple=True, metavar="TOPIC", help="Source topic.")
@click.option("--before", "before_ms", type=Moment(), help=f"What was dead-lettered before then: {EXAMPLES}.")
@click.option("--all", "everything", is_flag=True, help="Everything that is there now.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@DRY_RUN
@AS_JSON
@click.pass_obj
def command(
    settings: Settings,
    *,
    topics: tuple[str, ...],
    before_ms: int | None,
    everything: bool,
    yes: bool,
    dry_run: bool,
    json_: bool,
) -> None:
    """Delete dead letters for good, from the oldest on.

    Kafka deletes the beginning of a partition and nothing else, so there is no filter but the topic and the
    time. The rows in ClickHouse stay until OPENRIDE_RETENTION_DEAD_LETTERS_DAYS.
    """
    if everything == (before_ms is not None):
        message = "say what goes: either --before TIME or --all"
        raise click.UsageError(message)
    cuts = asyncio.run(_cuts(settings, topics, before_ms))
    if not json_:
        _say(cuts)
    asyncio.run(require_deletion(settings, cuts))
    if cuts and not dry_run:
        if not yes:
            click.confirm("Delete them?", abort=True, err=True)
        asyncio.run(purge(settings, cuts))
    if json_:
        as_json({"dry_run": dry_run, "partitions": [_row(cut) for cut in cuts]})
    elif not cuts or not dry_run:
        click.echo("deleted" if cuts else "nothing to delete")


async def _cuts(settings: Settings, topics: Sequence[str], before_ms: int | None) -> list[Cut]:
    async with open_ledger(settings) as ledger, open_reader(settings, topics) as reader:
        with Meter("reading", reader.total_offsets) as meter:
            return await cuts_before(reader, before_ms, ledger, lambda: meter.show(reader.read_offsets))


def _say(cuts: Sequence[Cut]) -> None:
    for cut in cuts:
        place = f"{cut.extent.topic}.dlq[{cut.extent.partition}]"
        letters = counted(cut.letters, "dead letter")
        click.echo(f"{place}: {letters} before offset {cut.until}, {cut.open:,} of them never redriven")


def _row(cut: Cut) -> dict[str, object]:
    return {
        "topic": cut.extent.topic,
        "partition": cut.extent.partition,
        "before_offset": cut.until,
        "dead_letters": cut.letters,
        "never_redriven": cut.open,
    }

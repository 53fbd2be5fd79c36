"""`openride dlq show`: all that may be seen of one dead letter."""

import asyncio
from typing import Any

import click
import orjson

from openride_stream.cli.dlq.options import AS_JSON, TOPIC, masking_key
from openride_stream.cli.dlq.output import as_json, printable
from openride_stream.cli.dlq.states import States, open_ledger
from openride_stream.errors import Rejected
from openride_stream.events.letter_views import shown
from openride_stream.events.letters import Letter
from openride_stream.kafka.dlq.reading import open_reader
from openride_stream.settings import Settings


@click.command(name="show")
@click.argument("topic", type=TOPIC, metavar="TOPIC")
@click.argument("partition", type=click.IntRange(min=0))
@click.argument("offset", type=click.IntRange(min=0))
@AS_JSON
@click.pass_obj
def command(settings: Settings, topic: str, partition: int, offset: int, json_: bool) -> None:
    """Show the dead letter of TOPIC that `list` names by PARTITION and OFFSET."""
    letter, state = asyncio.run(_find(settings, topic, partition, offset))
    seen = {"state": state, **shown(letter, masking_key(settings), settings.max_record_bytes)}
    if json_:
        as_json(seen)
        return
    fields = seen.pop("fields")
    width = max(len(name) for name in seen)
    for name, value in seen.items():
        click.echo(f"{name:<{width}}  {printable(value)}")
    click.echo(f"{'fields':<{width}}  {_indented(fields)}")


async def _find(settings: Settings, topic: str, partition: int, offset: int) -> tuple[Letter, str]:
    async with open_reader(settings, [topic]) as reader:
        letter = await reader.at(topic, partition, offset)
    if letter is None:
        message = f"there is no dead letter {offset} in {topic}.dlq[{partition}]; it may have been deleted"
        raise Rejected(message)
    async with open_ledger(settings) as ledger:
        (state,) = await States(ledger, settings.dlq_max_attempts).of([letter])
    return letter, state


def _indented(fields: Any) -> str:
    if fields is None:
        return "(the record is no JSON object, or too long to be read)"
    # Numbers stay as they were sent: the text is laid out, never parsed.
    text = orjson.dumps(fields, option=orjson.OPT_INDENT_2).decode()
    return "\n".join(printable(line) for line in text.splitlines())

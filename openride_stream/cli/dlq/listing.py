"""`openride dlq list`: dead letters, newest first."""

import asyncio
import heapq
from itertools import groupby
from typing import Any

import click

from openride_stream.cli.dlq.gone import letters_gone, told_of
from openride_stream.cli.dlq.options import AS_JSON, Wanted, filters, masking_key
from openride_stream.cli.dlq.output import Meter, as_json, printable
from openride_stream.cli.dlq.states import States, open_ledger
from openride_stream.events.letter_views import shown
from openride_stream.events.letters import Letter
from openride_stream.kafka.dlq.reading import open_reader
from openride_stream.settings import Settings


@click.command(name="list")
@filters
@click.option("--open", "open_only", is_flag=True, help="Only those that were neither redriven nor given up.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many, the newest."
)
@AS_JSON
@click.pass_obj
def command(settings: Settings, wanted: Wanted, open_only: bool, limit: int, json_: bool) -> None:
    """List dead letters, newest first."""
    asyncio.run(_list(settings, wanted, open_only=open_only, limit=limit, json_=json_))


async def _list(settings: Settings, wanted: Wanted, *, open_only: bool, limit: int, json_: bool) -> None:
    async with open_ledger(settings) as ledger:
        states = States(ledger, settings.dlq_max_attempts)
        newest, held = await _newest(settings, wanted, limit, states if open_only else None)
        by_topic = sorted(newest, key=lambda letter: letter.topic)
        known = {
            id(letter): state
            for _, group in groupby(by_topic, key=lambda letter: letter.topic)
            for letters in [list(group)]
            for letter, state in zip(letters, await states.of(letters), strict=True)
        }
    key = masking_key(settings)
    rows = [
        {"state": known[id(letter)], **shown(letter, key, settings.max_record_bytes)} for letter in newest
    ]
    gone = await letters_gone(settings, wanted.topics, held)
    if json_:
        as_json({"dead_letters": rows, "gone": gone})
        return
    for row in rows:
        _print(row)
    if not rows:
        click.echo("no dead letters")
    if gone:
        click.echo(told_of(gone))


def _print(row: dict[str, Any]) -> None:
    """Two lines: what it is and where, as `show` wants it; why it is dead."""
    place = f"{row['topic']} {row['partition']} {row['offset']}"
    what = [row["event_type"], f"{row['value_bytes']:,} bytes", f"attempt {row['attempts']}", row["state"]]
    click.echo(printable(f"{row['dead_lettered_at']}  {place}  {', '.join(filter(None, what))}"))
    click.echo(printable(f"    {row['error']}: {row['message']}"))


async def _newest(
    settings: Settings, wanted: Wanted, limit: int, states: States | None
) -> tuple[list[Letter], int]:
    """The newest that are meant, newest first, with `states` open ones only; and how many there are."""
    selection = wanted.selection(settings)
    heap: list[tuple[int, int, Letter]] = []
    async with open_reader(settings, wanted.topics) as reader:
        with Meter("reading", reader.total_offsets) as meter:
            count = held = 0
            async for run in reader.runs():
                held += len(run)
                meant = [letter for letter in run if selection.matches(letter)]
                if states is not None:
                    found = await states.of(meant)
                    meant = [letter for letter, state in zip(meant, found, strict=True) if state == "open"]
                for letter in meant:
                    count += 1
                    heapq.heappush(heap, (letter.timestamp_ms, count, letter))
                    if len(heap) > limit:
                        heapq.heappop(heap)
                meter.show(reader.read_offsets)
    return [letter for _, _, letter in sorted(heap, reverse=True)], held

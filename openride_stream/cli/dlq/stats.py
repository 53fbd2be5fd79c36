"""`openride dlq stats`: how many dead letters there are, of what, and what became of them."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import click

from openride_stream.cli.dlq.gone import letters_gone, told_of
from openride_stream.cli.dlq.options import AS_JSON, Wanted, filters, masking_key
from openride_stream.cli.dlq.output import Meter, as_json, as_table
from openride_stream.cli.dlq.states import States, open_ledger
from openride_stream.clock import utc_from_ms
from openride_stream.events.letter_views import event_type_of, masked_fields
from openride_stream.kafka.dlq.reading import open_reader
from openride_stream.settings import Settings

_STATES = ("open", "redriven", "given up", "unknown")


@dataclass(slots=True)
class Group:
    """Dead letters of one topic, error and event type; times in ms since the epoch."""

    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_STATES, 0))
    value_bytes: int = 0
    oldest_ms: int = 2**63
    newest_ms: int = -1

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.states.values())


Groups = dict[tuple[str, str, str], Group]


@dataclass(frozen=True, slots=True)
class Count:
    """What the topics hold, and how many letters on record are in none of them; None while nobody knows."""

    groups: Groups
    gone: int | None


@click.command(name="stats")
@filters
@AS_JSON
@click.pass_obj
def command(settings: Settings, wanted: Wanted, json_: bool) -> None:
    """Count dead letters by topic, error class and event type."""
    count = asyncio.run(_count(settings, wanted))
    rows = [_row(key, group) for key, group in sorted(count.groups.items())]
    if json_:
        total = sum(group.total for group in count.groups.values())
        as_json({"groups": rows, "total": total, "gone": count.gone})
        return
    _show(rows)
    if count.gone:
        click.echo(told_of(count.gone))


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo("no dead letters")
        return
    columns = ("topic", "error", "event_type", "total", "open", "redriven", "given_up", "oldest", "newest")
    as_table(
        columns,
        [[row[column] for column in columns] for row in rows],
        right=("total", "open", "redriven", "given_up"),
    )


async def _count(settings: Settings, wanted: Wanted) -> Count:
    selection, key, groups, held = wanted.selection(settings), masking_key(settings), Groups(), 0
    async with open_ledger(settings) as ledger, open_reader(settings, wanted.topics) as reader:
        states = States(ledger, settings.dlq_max_attempts)
        with Meter("reading", reader.total_offsets) as meter:
            async for run in reader.runs():
                held += len(run)
                meant = [letter for letter in run if selection.matches(letter)]
                for letter, state in zip(meant, await states.of(meant), strict=True):
                    event_type = event_type_of(masked_fields(letter, key, settings.max_record_bytes))
                    group = groups.setdefault((letter.topic, letter.error, event_type), Group())
                    group.states[state] += 1
                    group.value_bytes += letter.size_bytes
                    group.oldest_ms = min(group.oldest_ms, letter.timestamp_ms)
                    group.newest_ms = max(group.newest_ms, letter.timestamp_ms)
                meter.show(reader.read_offsets)
    return Count(groups, await letters_gone(settings, wanted.topics, held))


def _row(key: tuple[str, str, str], group: Group) -> dict[str, Any]:
    topic, error, event_type = key
    return {
        "topic": topic,
        "error": error,
        "event_type": event_type,
        "total": group.total,
        **{state.replace(" ", "_"): count for state, count in group.states.items()},
        "value_bytes": group.value_bytes,
        "oldest": _utc(group.oldest_ms),
        "newest": _utc(group.newest_ms),
    }


def _utc(ms: int) -> str:
    return f"{utc_from_ms(ms):%Y-%m-%dT%H:%M:%SZ}"

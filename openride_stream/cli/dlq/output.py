"""How dead letters look on a terminal."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from openride_stream.cli.tables import print_table


def as_json(document: Any) -> None:
    """Print one JSON document."""
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def as_table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print a table; `right` names the columns of numbers."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else printable(cell)) for cell in row))
    print_table(table)


def printable(cell: object) -> str:
    """Text that moves no cursor and changes no colour, whatever a producer wrote.

    Numbers are plain: a place that was printed may be pasted into the next command.
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(cell))


def counted(number: int, what: str) -> str:
    """A count and its noun: "1 dead letter", "2,000 dead letters"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class Meter:
    """A bar over the offsets that are read, on standard error and only on a terminal."""

    def __init__(self, what: str, total: int) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn(what),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task(what, total=total, text="")

    def __enter__(self) -> Self:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it away."""
        self._progress.stop()

    def show(self, read_offsets: int, text: str = "") -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=read_offsets, text=text)

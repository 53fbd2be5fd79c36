"""Tables on a terminal: as wide as what they hold, since a name that is cut names nothing."""

from typing import Final

from rich.console import Console
from rich.table import Table

# A terminal that is narrower wraps the line, a file or a pipe takes it whole.
_WIDEST: Final = 1000


def print_table(table: Table) -> None:
    """Print a table at its own width."""
    Console(highlight=False, soft_wrap=True, width=_WIDEST).print(table)

"""Refused rows: an accident, which costs the row, or a mistake, which holds its table. No I/O, no clock.

One row that a table can not take becomes a dead letter. When none of many rows is taken the table was
changed, and its rows wait: until one is taken, or an operator lets them go.
"""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Final

from openride_stream.clickhouse.client import Row
from openride_stream.clickhouse.deliveries import Delivery

Place = tuple[str, int]
"""A topic and a partition."""

_MISTAKE_ROWS: Final = 16
"""So many rows in a row that are refused, and none that is taken, are no accident."""


class Refusals:
    """Counts what is refused of each table, and keeps what an operator has let go."""

    def __init__(self) -> None:
        self._in_a_row: Counter[str] = Counter()
        self._let: set[str] = set()
        self._let_until: dict[tuple[str, Place], int] = {}

    def refused(self, table: str) -> None:
        """A row of `table` was refused, and becomes a dead letter."""
        self._in_a_row[table] += 1

    def taken(self, table: str) -> None:
        """A row of `table` was taken."""
        self._in_a_row.pop(table, None)
        self._let.discard(table)

    def let(self, table: str, place: Place, until: int) -> bool:
        """Let rows of `table` go that were read from `place` before `until`; False when they were before.

        What is on its way from other places goes with them, until a row is taken or one from behind comes.
        """
        if until <= self._let_until.get((table, place), 0):
            return False
        self._let_until[table, place] = until
        self._let.add(table)
        return True

    def suspects(self, table: str, refused: Sequence[Delivery]) -> Sequence[Row]:
        """Rows of refused deliveries: when none of them is taken either, that is a mistake.

        None when they are too few to tell, or may go. They are drawn at random: when the good ones among
        them were missed, they are found at another time.
        """
        if self._in_a_row[table] + sum(delivery.rows for delivery in refused) < _MISTAKE_ROWS:
            return ()  # without a look at them: they are decoded anew for that
        sample: list[Row] = []
        for delivery in random.sample(refused, len(refused)):
            rows = [row for row in delivery.again() if row["offset"] >= self._until(table, row)]
            sample += random.sample(rows, min(len(rows), _MISTAKE_ROWS - len(sample)))
            if len(sample) == _MISTAKE_ROWS:
                break
        if any(self._until(table, row) for row in sample):
            self._let.discard(table)
        enough = self._in_a_row[table] + len(sample) >= _MISTAKE_ROWS
        return sample if enough and table not in self._let else ()

    def _until(self, table: str, row: Row) -> int:
        return self._let_until.get((table, (row["topic"], row["partition"])), 0)

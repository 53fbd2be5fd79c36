"""Tables that take no rows: since when, why, and which of them wait while the others go on."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from openride_stream.clickhouse.hours import MARKS as HOUR_MARKS
from openride_stream.clock import Clock
from openride_stream.errors import Transient
from openride_stream.metrics import Metrics

logger = logging.getLogger(__name__)

DAY_MARKS: Final = "day_marks"
_HELD_AFTER_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Held:
    """Why rows of a table wait while the store takes others; `refused`: it calls the rows wrong."""

    reason: str
    refused: bool


@dataclass(slots=True)
class _Trouble:
    since_s: float
    error: str


class Troubles:
    """What is known of the tables that take no rows. Used on one event loop."""

    def __init__(self, metrics: Metrics, clock: Clock, on_held: Callable[[], None]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._on_held = on_held
        self._troubles: dict[str, _Trouble] = {}
        self._held: dict[str, Held] = {}
        self._taken_s = float("-inf")

    @property
    def last_error(self) -> str:
        """What was last said of the table that is longest in trouble; first of those that are not held."""
        for table in sorted(self._troubles, key=lambda table: table in self._held):
            only = f" ({table} only, the others go on)" if table in self._held else ""
            return f"{self._troubles[table].error}{only}"
        return ""

    @property
    def away(self) -> bool:
        """Whether the store takes no rows of a table that is not held."""
        return not self._troubles.keys() <= self._held.keys()

    def held(self, table: str) -> Held | None:
        """Why rows of `table` are to wait; None when they need not."""
        return self._held.get(table)

    def taken(self) -> None:
        """The store takes rows, of whichever table."""
        self._taken_s = self._clock.monotonic_s()

    def add(self, table: str, error: Transient | str) -> None:
        """`table` takes no rows now. It is held once others have been taken while it took none."""
        now_s = self._clock.monotonic_s()
        trouble = self._troubles.get(table)
        if trouble is None:
            trouble = self._troubles[table] = _Trouble(now_s, "")
            logger.warning(
                "ClickHouse takes no rows: trying again until it does",
                extra={"table": table, "error": str(error)},
            )
        trouble.error = str(error)
        # While it takes no table's rows there is nothing to tell apart: everybody waits, as for the marks.
        marks = table in (DAY_MARKS, HOUR_MARKS)
        apart = isinstance(error, Transient) and not marks and trouble.since_s < self._taken_s
        if apart and now_s - trouble.since_s >= _HELD_AFTER_S:
            self.hold(table, Held(f"ClickHouse takes no rows of {table}: {error}", refused=False))
        self._metrics.store_available.set(0)

    def over(self, table: str) -> None:
        """`table` takes rows again."""
        if self._troubles.pop(table, None) is not None:
            held = self._held.pop(table, None)
            logger.warning("ClickHouse takes rows again", extra={"table": table, "was_held": bool(held)})
        if not self._troubles:
            self._metrics.store_available.set(1)

    def hold(self, table: str, held: Held) -> None:
        """Have rows of `table` wait, and say so once."""
        before = self._held.get(table)
        if before is None or before.refused != held.refused:
            logger.error("Table held: the others go on", extra={"table": table, "reason": held.reason})
        self._held[table] = held
        if before is None:
            self._on_held()

    def release(self, table: str) -> None:
        """Hold it no more, although none of its rows was taken.

        Nobody would send any: all that is read of it waits while it is held.
        """
        self._troubles.pop(table, None)
        self._held.pop(table, None)

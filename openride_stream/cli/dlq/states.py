"""What became of dead letters: open, redriven, given up; unknown while the ledger is away."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import click

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.redrives import Redrives
from openride_stream.clock import SystemClock
from openride_stream.errors import OpenRideError
from openride_stream.events.letters import Letter
from openride_stream.kafka.dlq.redriving import SLICE_LETTERS, slices
from openride_stream.settings import Settings


@asynccontextmanager
async def open_ledger(settings: Settings) -> AsyncIterator[Redrives]:
    """The ledger of redrives."""
    store = ClickHouse.open(settings)
    try:
        yield Redrives(store, SystemClock())
    finally:
        await store.close()


class States:
    """Tells the state of letters; says once that it cannot, and then that it is unknown."""

    def __init__(self, ledger: Redrives, max_attempts: int) -> None:
        self._ledger = ledger
        self._max_attempts = max_attempts
        self._away = False

    async def of(self, letters: Sequence[Letter]) -> list[str]:
        """The state of each of `letters`, which are of one topic."""
        states: list[str] = []
        for piece in slices(letters, SLICE_LETTERS):
            states += await self._of(piece)
        return states

    async def _of(self, letters: Sequence[Letter]) -> list[str]:
        try:
            redriven = [] if self._away else await self._ledger.redriven(letters)
        except OpenRideError as error:
            self._away = True
            click.echo(f"openride: what was redriven is not known: {error}", err=True)
        if self._away:
            return ["unknown"] * len(letters)
        return [self._state(letter, known) for letter, known in zip(letters, redriven, strict=True)]

    def _state(self, letter: Letter, redriven: bool) -> str:
        if redriven:
            return "redriven"
        return "given up" if letter.attempts >= self._max_attempts else "open"

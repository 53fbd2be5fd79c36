"""Stages that last over several schedules: what one leaves behind, the next has to live with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.play import Play
from tests.faults.stage import WORKERS, OneBroker, Stage
from tests.fixtures.broker import EmbeddedBroker

SCHEDULES_A_STAGE = 12


class Stages:
    """Hands out a stage, a new one after some schedules or after one that went wrong."""

    def __init__(self, new_folder: Callable[[], Path]) -> None:
        self._new_folder = new_folder
        self._play: Play | None = None
        self._broker: EmbeddedBroker | None = None
        self._used = 0

    @contextmanager
    def play(self) -> Iterator[Play]:
        """A stage for one schedule; what is raised within the block ends it."""
        if self._play is None or self._used >= SCHEDULES_A_STAGE:
            self.close()
            self._play, self._used = self._open(), 0
        self._used += 1
        try:
            yield self._play
        except BaseException:
            self.close()
            raise

    def _open(self) -> Play:
        folder = self._new_folder()
        self._broker = EmbeddedBroker(folder / "broker.log").start()
        play = Play(Stage(folder, OneBroker(self._broker)))
        try:
            play.stage.start(WORKERS)
        except BaseException:
            play.stage.stop()
            raise
        return play

    def close(self) -> None:
        """Stop everything that runs."""
        if self._play is not None:
            self._play.stage.stop()
            self._play = None
        if self._broker is not None:
            self._broker.stop()
            self._broker = None

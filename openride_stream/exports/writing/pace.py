"""How fast a file is written: at once where nobody waits, in small parts where somebody does."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_LOOK_EVERY_S: Final = 0.02
# Of the time that its work took, the processor was had for less: somebody else wanted it.
_ALONE: Final = 0.8
_RESTS: Final = 3.0
_LONGEST_S: Final = 1.0

Seconds = Callable[[], float]


class Pace:
    """Lets the process rest while others want the processor.

    A process that computes in every gap that others leave costs them all the same: their caches, and the
    moment that it takes to put it aside. So it rests for three times as long as its work took then.
    """

    def __init__(
        self,
        passed_s: Seconds = time.monotonic,
        had_s: Seconds = time.process_time,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._passed_s = passed_s
        self._had_s = had_s
        self._rest = rest
        self._took_s = self._worked_s = 0.0

    @contextmanager
    def work(self) -> Iterator[None]:
        """A part of the work, which waits for nothing but the processor; then perhaps a rest."""
        passed_s, had_s = self._passed_s(), self._had_s()
        yield
        self._took_s += self._passed_s() - passed_s
        self._worked_s += self._had_s() - had_s
        if self._took_s < _LOOK_EVERY_S:
            return
        if self._worked_s < _ALONE * self._took_s:
            self._rest(min(_RESTS * self._took_s, _LONGEST_S))
        self._took_s = self._worked_s = 0.0

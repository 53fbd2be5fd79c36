"""When a record is due: as fast as possible, a multiple of real time, or when its time comes."""

from typing import Protocol

from openride_stream.clock import Clock


class Pace(Protocol):
    """Says how long a record has to wait."""

    def wait_s(self, at_ms: int) -> float:
        """Seconds until a record of event time `at_ms` may be sent; 0 or less when it may now."""
        ...


class AtOnce:
    """Nothing waits."""

    def wait_s(self, at_ms: int) -> float:
        """0."""
        del at_ms
        return 0.0


class TimesRealTime:
    """Event time passes `speed` times as fast as the clock, from the first record on."""

    def __init__(self, speed: float, clock: Clock) -> None:
        self._speed = speed
        self._clock = clock
        self._first: tuple[int, float] | None = None

    def wait_s(self, at_ms: int) -> float:
        """Seconds until the event time is reached."""
        if self._first is None:
            self._first = at_ms, self._clock.monotonic_s()
        first_ms, started_s = self._first
        return (at_ms - first_ms) / 1000 / self._speed - (self._clock.monotonic_s() - started_s)


class Live:
    """A record is due when the wall clock reaches its event time; what is past is due at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wait_s(self, at_ms: int) -> float:
        """Seconds until the event time is now."""
        return (at_ms - self._clock.now_ms()) / 1000

"""How far a worker has read the changelog, and whether it has to begin anew."""

from typing import Final

from openride_stream.clock import Clock
from openride_stream.kafka.changelog_reader import ChangelogReader, Ends

_LOOK_INTERVAL_S: Final = 0.5
_JUMP_MS: Final = 5_000


class Progress:
    """How far the changelog has been read, by what its brokers say of its end now and then."""

    def __init__(self, reader: ChangelogReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._looked_s = clock.monotonic_s()
        self._offset_ms = self._wall_less_monotonic_ms()
        self._jumped = False
        self._asked: tuple[int, Ends] | None = None

    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return self._clock.monotonic_s() - self._looked_s >= _LOOK_INTERVAL_S

    async def has_broken(self) -> bool:
        """Look: whether the clock has jumped since, or the topic holds less than was read of it."""
        self._looked_s = self._clock.monotonic_s()
        before_ms, self._offset_ms = self._offset_ms, self._wall_less_monotonic_ms()
        # Until it has been made good: the brokers may not answer now.
        self._jumped = self._jumped or abs(self._offset_ms - before_ms) > _JUMP_MS
        asked_ms = self._clock.now_ms()
        ends = await self._reader.ends()
        if self._jumped or self._reader.is_another or await self._reader.is_beyond(ends):
            return True
        self._asked = self._asked or (asked_ms, ends)
        return False

    def begins_anew(self) -> None:
        """All is read again."""
        self._jumped, self._asked = False, None

    async def reached_ms(self) -> int | None:
        """The moment up to which all is read that was written, when there is news of that."""
        if self._asked is None or not await self._reader.has_read(self._asked[1]):
            return None
        (reached_ms, _), self._asked = self._asked, None
        return reached_ms

    def _wall_less_monotonic_ms(self) -> float:
        return self._clock.now_ms() - self._clock.monotonic_s() * 1000

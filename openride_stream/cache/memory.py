"""The cache of one process: bounded by bytes, the least recently used goes first."""

from collections import OrderedDict
from typing import Final

from openride_stream.cache.protocol import Outcome, SingleFlightCache
from openride_stream.cache.single_flight import SingleFlight
from openride_stream.clock import Clock
from openride_stream.metrics import Metrics

# What an entry costs beside its key and value: two objects, a tuple, a place in the table.
_ENTRY_BYTES: Final = 300


class InProcessCache(SingleFlightCache):
    """See `Cache`. Holds at most `max_bytes`, keys and overhead included."""

    def __init__(self, metrics: Metrics, clock: Clock, max_bytes: int) -> None:
        self._metrics = metrics
        self._clock = clock
        self._max_bytes = max_bytes
        self._flights = SingleFlight()
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._used_bytes = 0

    @property
    def used_bytes(self) -> int:
        """What the entries take, by the same reckoning as the bound."""
        return self._used_bytes

    async def look_up(self, key: str) -> tuple[bytes | None, Outcome]:
        """See `SingleFlightCache`."""
        entry = self._entries.get(key)
        if entry is None:
            return None, "miss"
        expires_s, value = entry
        if expires_s <= self._clock.monotonic_s():
            self._drop(key)
            return None, "miss"
        self._entries.move_to_end(key)
        return value, "hit"

    async def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `Cache`. A value that fills the whole cache alone is not kept."""
        self._drop(key)
        size = _size(key, value)
        if ttl_s <= 0 or size > self._max_bytes:
            return
        self._entries[key] = (self._clock.monotonic_s() + ttl_s, value)
        self._used_bytes += size
        while self._used_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    async def close(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._used_bytes = 0

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._used_bytes -= _size(key, entry[1])


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY_BYTES

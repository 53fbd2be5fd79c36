"""What every cache does, and the part that is the same in all of them."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from openride_stream.cache.single_flight import SingleFlight
from openride_stream.metrics import Metrics

Compute = Callable[[], Awaitable[bytes]]
Outcome = Literal["hit", "miss", "joined", "unavailable"]


class Cache(Protocol):
    """Bytes by key, each for its own time. No method raises because the cache is away or full."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None when there is none, it has expired, or the cache is away."""
        ...

    async def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep `value` for `ttl_s` seconds, or less when there is no room; 0 or less keeps nothing."""
        ...

    async def get_or_compute(self, key: str, ttl_s: float, compute: Compute) -> bytes:
        """The value, computed when there is none; callers of this process who ask meanwhile wait for it.

        An error of `compute` reaches all who wait and is not kept.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; the cache is not used after."""
        ...


class SingleFlightCache(Cache, Protocol):
    """`get_or_compute` and its counts, over a look-up that says how it went."""

    _flights: SingleFlight
    _metrics: Metrics

    @abstractmethod
    async def look_up(self, key: str) -> tuple[bytes | None, Outcome]:
        """The value, and how the look-up went: `hit`, `miss` or `unavailable`."""

    async def get(self, key: str) -> bytes | None:
        """See `Cache`."""
        value, outcome = await self.look_up(key)
        self._count(outcome)
        return value

    async def get_or_compute(self, key: str, ttl_s: float, compute: Compute) -> bytes:
        """See `Cache`."""
        if self._flights.is_flying(key):
            self._count("joined")
        return await self._flights.run(key, lambda: self._compute_and_keep(key, ttl_s, compute))

    async def _compute_and_keep(self, key: str, ttl_s: float, compute: Compute) -> bytes:
        kept, outcome = await self.look_up(key)
        self._count(outcome)
        if kept is not None:
            return kept
        value = await compute()
        await self.set(key, value, ttl_s)
        return value

    def _count(self, outcome: Outcome) -> None:
        self._metrics.cache_requests_total.labels(outcome).inc()

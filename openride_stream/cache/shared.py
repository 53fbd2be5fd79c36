"""The cache that all workers share."""

from typing import Final

from openride_stream.cache.brief import BriefRedis
from openride_stream.cache.protocol import Outcome, SingleFlightCache
from openride_stream.cache.single_flight import SingleFlight
from openride_stream.clock import Clock
from openride_stream.metrics import Metrics

_PREFIX: Final = "openride:cache:"
_MAX_VALUE_BYTES: Final = 4 * 1024 * 1024


class RedisCache(SingleFlightCache):
    """See `Cache`. A Redis that is down, slow or full counts as `unavailable` and holds nothing up."""

    def __init__(self, url: str, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._flights = SingleFlight()
        self._redis = BriefRedis(url, clock)

    async def look_up(self, key: str) -> tuple[bytes | None, Outcome]:
        """See `SingleFlightCache`."""
        reached, value = await self._redis.ask("GET", _PREFIX + key)
        if not reached:
            return None, "unavailable"
        return (value, "hit") if isinstance(value, bytes) else (None, "miss")

    async def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `Cache`. A value above 4 MiB is not kept: it would hold the connection up for others."""
        if ttl_s <= 0 or len(value) > _MAX_VALUE_BYTES:
            return
        await self._redis.ask("SET", _PREFIX + key, value, "PX", max(1, round(ttl_s * 1000)))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.close()

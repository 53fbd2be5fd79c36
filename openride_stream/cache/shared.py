"""The cache that all workers share: Redis, asked briefly and never waited for."""

import asyncio
import logging
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from openride_stream.cache.protocol import Outcome, SingleFlightCache
from openride_stream.cache.single_flight import SingleFlight
from openride_stream.clock import Clock
from openride_stream.errors import ConfigurationError
from openride_stream.metrics import Metrics

log = logging.getLogger(__name__)

_PREFIX: Final = "openride:cache:"
# An answer costs ClickHouse some hundred milliseconds: waiting longer for Redis saves nothing.
_TIMEOUT_S: Final = 0.25
# After a failure Redis is left alone for this long, so that an outage costs one time-out, not one a request.
_REST_S: Final = 2.0
_MAX_VALUE_BYTES: Final = 4 * 1024 * 1024


class RedisCache(SingleFlightCache):
    """See `Cache`. A Redis that is down, slow or full counts as `unavailable` and holds nothing up."""

    def __init__(self, url: str, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._flights = SingleFlight()
        self._resting_until_s = 0.0
        try:
            self._redis: Redis = Redis.from_url(
                url,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            message = f"OPENRIDE_REDIS_URL: {error}"
            raise ConfigurationError(message) from None

    async def look_up(self, key: str) -> tuple[bytes | None, Outcome]:
        """See `SingleFlightCache`."""
        reached, value = await self._ask("GET", _PREFIX + key)
        if not reached:
            return None, "unavailable"
        return (value, "hit") if isinstance(value, bytes) else (None, "miss")

    async def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `Cache`. A value above 4 MiB is not kept: it would hold the connection up for others."""
        if ttl_s <= 0 or len(value) > _MAX_VALUE_BYTES:
            return
        await self._ask("SET", _PREFIX + key, value, "PX", max(1, round(ttl_s * 1000)))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _ask(self, *command: str | bytes | int) -> tuple[bool, object]:
        """Whether Redis answered, and what."""
        if self._clock.monotonic_s() < self._resting_until_s:
            return False, None
        try:
            async with asyncio.timeout(2 * _TIMEOUT_S):
                return True, await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            self._resting_until_s = self._clock.monotonic_s() + _REST_S
            log.warning("cache: Redis did not answer, left alone for a moment", extra={"reason": repr(error)})
            return False, None

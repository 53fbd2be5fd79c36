"""The cache that all workers share."""

from hashlib import blake2b, sha256
from hmac import compare_digest
from typing import Final

from openride_stream.cache.brief import BriefRedis
from openride_stream.cache.protocol import Outcome, SingleFlightCache
from openride_stream.cache.single_flight import SingleFlight
from openride_stream.clock import Clock
from openride_stream.metrics import Metrics

_PREFIX: Final = "openride:cache:"
_MAX_VALUE_BYTES: Final = 4 * 1024 * 1024
_SEAL_BYTES: Final = 16


class RedisCache(SingleFlightCache):
    """See `Cache`. A Redis that is down, slow or full counts as `unavailable` and holds nothing up.

    Others may write to a shared Redis. A value is sealed with `secret` under its key: what was not kept by
    a worker that has the secret, or was kept under another key, is as good as none.
    """

    def __init__(self, url: str, metrics: Metrics, clock: Clock, secret: bytes = b"") -> None:
        self._metrics = metrics
        self._flights = SingleFlight()
        self._redis = BriefRedis(url, clock)
        self._secret = sha256(b"cache\n" + secret).digest()

    async def look_up(self, key: str) -> tuple[bytes | None, Outcome]:
        """See `SingleFlightCache`."""
        reached, value = await self._redis.ask("GET", _PREFIX + key)
        if not reached:
            return None, "unavailable"
        body = self._unsealed(key, value) if isinstance(value, bytes) else None
        return body, "miss" if body is None else "hit"

    async def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `Cache`. A value above 4 MiB is not kept: it would hold the connection up for others."""
        if ttl_s <= 0 or len(value) > _MAX_VALUE_BYTES:
            return
        sealed = self._seal(key, value) + value
        await self._redis.ask("SET", _PREFIX + key, sealed, "PX", max(1, round(ttl_s * 1000)))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.close()

    def _seal(self, key: str, value: bytes) -> bytes:
        name = blake2b(key.encode(), digest_size=32).digest()
        return blake2b(name + value, digest_size=_SEAL_BYTES, key=self._secret).digest()

    def _unsealed(self, key: str, sealed: bytes) -> bytes | None:
        seal, value = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        return value if compare_digest(seal, self._seal(key, value)) else None

"""Answers kept for a while: in each process, or shared in Redis.

`open_cache(settings, metrics, clock)` gives the one that the settings ask for. A cache is never the truth
and never the reason for a failed request.
"""

from openride_stream.cache.memory import InProcessCache
from openride_stream.cache.protocol import Cache, Compute
from openride_stream.clock import Clock
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings

__all__ = ["Cache", "Compute", "InProcessCache", "open_cache"]


def open_cache(settings: Settings, metrics: Metrics, clock: Clock) -> Cache:
    """Redis when `redis_url` is set, else a cache in this process. Nothing is connected yet.

    Raises `ConfigurationError` when `redis_url` is no Redis URL.
    """
    if settings.redis_url:
        # The client is a tenth of what a worker takes to start: only for who has a Redis.
        from openride_stream.cache.shared import RedisCache

        return RedisCache(settings.redis_url, metrics, clock, settings.pii_key.get_secret_value().encode())
    return InProcessCache(metrics, clock, max_bytes=settings.cache_max_bytes)

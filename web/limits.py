"""How often one token may ask: so many requests a minute, as many of them at once as the minute has.

The rule (GCRA) keeps one moment a caller: when the allowance would be whole again. Redis keeps it for all
workers; without one, or while it is away, each worker keeps its own.
"""

from collections import OrderedDict
from hashlib import blake2b
from math import ceil
from typing import TYPE_CHECKING, Final

from openride_stream.clock import Clock
from openride_stream.settings import Settings
from web.problems import Problem

if TYPE_CHECKING:
    from openride_stream.cache.brief import BriefRedis

_MINUTE_MS: Final = 60_000.0
_MAX_CALLERS: Final = 10_000
_PREFIX: Final = "openride:rate:"
# By Redis's own clock: those of the workers differ. Answers milliseconds to wait; 0 when it may. What no
# request can have left there (somebody else's value, a clock that was set back) counts for nothing.
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local interval, minute = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.pcall('GET', KEYS[1])
local whole = type(kept) == 'string' and tonumber(kept)
if not (whole and whole <= now + minute) then whole = now end
whole = math.max(whole, now) + interval
local wait = whole - minute - now
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', whole), 'PX', math.ceil(whole - now))
return 0
"""


class OwnLimiter:
    """The rule for one process; knows the 10,000 callers who asked last."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._interval_ms = _MINUTE_MS / per_minute
        self._clock = clock
        self._whole_ms: OrderedDict[str, float] = OrderedDict()

    @property
    def callers(self) -> int:
        """How many are kept."""
        return len(self._whole_ms)

    def wait_ms(self, key: str) -> float:
        """0 when the caller may ask, which counts; else the milliseconds until it may."""
        now_ms = self._clock.monotonic_s() * 1000
        whole_ms = max(self._whole_ms.get(key, now_ms), now_ms) + self._interval_ms
        wait_ms = whole_ms - _MINUTE_MS - now_ms
        if wait_ms > 0:
            return wait_ms
        self._whole_ms[key] = whole_ms
        self._whole_ms.move_to_end(key)
        if len(self._whole_ms) > _MAX_CALLERS:
            self._whole_ms.popitem(last=False)
        return 0.0


class Limiter:
    """The limit of the settings; none when it is 0."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._per_minute = settings.api_requests_per_minute
        self._group = settings.consumer_group
        self._own = OwnLimiter(max(1, self._per_minute), clock)
        self._redis = _redis(settings, clock)

    async def count(self, key: str) -> None:
        """Count a request of the caller `key`.

        Raises:
            Problem: 429 when it has had its share.
        """
        if not self._per_minute:
            return
        wait_ms = await self._wait_ms(key)
        if wait_ms > 0:
            detail = f"more than {self._per_minute} requests a minute with this token"
            headers = {"Retry-After": str(max(1, ceil(wait_ms / 1000)))}
            raise Problem(429, detail, kind="too-many-requests", headers=headers)

    async def close(self) -> None:
        """Close the connections; may be called again."""
        if self._redis is not None:
            await self._redis.close()

    async def _wait_ms(self, key: str) -> float:
        if self._redis is None:
            return self._own.wait_ms(key)
        # A subject may be anything, and is nobody else's business.
        name = _PREFIX + blake2b(f"{self._group}\n{key}".encode(), digest_size=16).hexdigest()
        interval_ms = _MINUTE_MS / self._per_minute
        reached, wait_ms = await self._redis.ask("EVAL", _SCRIPT, 1, name, interval_ms, _MINUTE_MS)
        return float(wait_ms) if reached and isinstance(wait_ms, int) else self._own.wait_ms(key)


def _redis(settings: Settings, clock: Clock) -> "BriefRedis | None":
    if not settings.redis_url or not settings.api_requests_per_minute:
        return None
    # The client is a tenth of what a worker takes to start: only for who has a Redis.
    from openride_stream.cache.brief import BriefRedis

    return BriefRedis(settings.redis_url, clock)

"""Redis, asked briefly and never waited for."""

import asyncio
import logging
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from openride_stream.clock import Clock
from openride_stream.errors import ConfigurationError

log = logging.getLogger(__name__)

# What is asked of Redis can be had without it for some hundred milliseconds: waiting longer saves nothing.
_TIMEOUT_S: Final = 0.25
# After a failure Redis is left alone for this long, so that an outage costs one time-out, not one a request.
_REST_S: Final = 2.0
# What speaks another protocol at that address is read as numbers that are none, or as lists without an end.
_NO_REDIS: Final = (RedisError, OSError, ValueError, RecursionError)


class BriefRedis:
    """A Redis that may be down, slow or full without holding anybody up. Nothing is connected at first.

    Raises:
        ConfigurationError: when it is made, `url` is no Redis URL.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        self._resting_until_s = self._refusing_until_s = 0.0
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

    async def ask(self, *command: str | bytes | int | float) -> tuple[bool, object]:
        """Whether Redis did what it was asked, and what it answered.

        What it refuses (no room, a key of another kind) says nothing of the next question: only a Redis that
        does not answer is left alone.
        """
        if self._clock.monotonic_s() < self._resting_until_s:
            return False, None
        try:
            async with asyncio.timeout(2 * _TIMEOUT_S):
                return True, await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            self._tell_of(error)
            return False, None
        except _NO_REDIS as error:
            self._resting_until_s = self._clock.monotonic_s() + _REST_S
            log.warning("Redis did not answer, left alone for a moment", extra={"reason": repr(error)})
            return False, None

    def _tell_of(self, refusal: ResponseError) -> None:
        now_s = self._clock.monotonic_s()
        if now_s >= self._refusing_until_s:
            self._refusing_until_s = now_s + _REST_S
            log.warning("Redis refused what it was asked", extra={"reason": repr(refusal)})

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

"""The changelog of the live tables: every worker writes what it saw, and every worker reads all of it.

One topic, kept for as long as any window reaches back; rows are sets of facts, so that order, repetition,
partition and who wrote them do not matter. Faust's own tables are not used for this: see docs/decisions/0012.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.connection import connection
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

LIVE_TOPIC: Final = "openride.live"
LIVE_MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
# A changelog that the broker does not take holds up the acks of its batches, and then reading.
_WAITING_BYTES: Final = 32 * 1024 * 1024
_CLOSE_WITHIN_S: Final = 2.0

FAULTS: Final = (KafkaError, TimeoutError, OSError)


class ChangelogWriter:
    """Writes rows in the background, each for as long as it takes. Used on one event loop."""

    def __init__(self, producer: AIOKafkaProducer, settings: Settings) -> None:
        self._producer = producer
        self._first_pause_s = settings.retry_backoff_min_ms / 1000
        self._longest_pause_s = settings.retry_backoff_max_ms / 1000
        self._writing: set[asyncio.Task[None]] = set()
        self._failures: dict[asyncio.Task[None] | None, str] = {}
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Gets the error of a write that failed otherwise than a broker makes it fail."""

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Connect a producer of its own: acks by all replicas.

        Raises:
            BrokerUnavailable: no broker answered.
        """
        producer = AIOKafkaProducer(
            **connection(settings),
            acks="all",
            max_request_size=LIVE_MAX_MESSAGE_BYTES,
        )
        try:
            await producer.start()
        except FAULTS as error:
            await producer.stop()
            raise unavailable(error) from error
        return cls(producer, settings)

    async def write(self, value: bytes, written: Callable[[], None]) -> None:
        """Begin to write one row; waits while too much of what came before is not written.

        `written` is called once, when the brokers have it.
        """
        while self._waiting_bytes >= _WAITING_BYTES:
            self._room.clear()
            await self._room.wait()
        self._waiting_bytes += len(value)
        writing = asyncio.create_task(self._write(value, written))
        self._writing.add(writing)
        writing.add_done_callback(self._done)

    @property
    def trouble(self) -> str | None:
        """Why rows are not written; None while the brokers take them."""
        failure = next(iter(self._failures.values()), None)
        return None if failure is None else f"{len(self._failures)} rows for {LIVE_TOPIC} wait: {failure}"

    async def drain(self, timeout_s: float) -> bool:
        """Return when all is written; False when something was not within `timeout_s`."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=timeout_s)
        return not self._writing

    async def close(self) -> None:
        """Disconnect; what is not written by now is not."""
        for writing in self._writing:
            writing.cancel()
        await closed(self._producer.stop())

    async def _write(self, value: bytes, written: Callable[[], None]) -> None:
        pause_s = self._first_pause_s
        while True:
            try:
                # No partition is named: rows of one that has no leader go to another.
                await (await self._producer.send(LIVE_TOPIC, value))
                break
            except FAULTS as error:
                if not self._failures:
                    logger.warning("Live tables: not acknowledged, retrying", extra={"error": repr(error)})
                self._failures[asyncio.current_task()] = str(error) or type(error).__name__
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._longest_pause_s)
        self._waiting_bytes -= len(value)
        self._room.set()
        written()

    def _done(self, writing: "asyncio.Task[None]") -> None:
        self._writing.discard(writing)
        self._failures.pop(writing, None)
        if not writing.cancelled() and (error := writing.exception()) and not self.failed.done():
            self.failed.set_exception(error)


def unavailable(error: BaseException) -> BrokerUnavailable:
    """What a fault of a client says of the changelog."""
    return BrokerUnavailable(f"{LIVE_TOPIC}: {error or type(error).__name__}")


async def closed(stopping: Coroutine[Any, Any, None]) -> None:
    """Give a client a moment to say good-bye: with its broker away it would wait for a minute."""
    task = asyncio.ensure_future(stopping)
    with suppress(*FAULTS):
        await asyncio.wait({task}, timeout=_CLOSE_WITHIN_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

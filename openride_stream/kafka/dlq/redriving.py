"""Redrive: dead letters through the front door again.

Each becomes a record of its source topic, with its bytes, key and own headers unchanged and its first
position and attempts in `dlq.*` headers, so that it is the same event at every reading. A worker decides
anew; what is still bad comes back as a dead letter with one attempt more.

A ledger knows what was redriven. It is written after the broker has acknowledged, so whoever dies in between
sends one slice again: the same event twice, which changes no figure.
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from openride_stream.clock import Clock
from openride_stream.errors import BrokerUnavailable
from openride_stream.events.letters import Letter
from openride_stream.kafka.connection import connection
from openride_stream.kafka.dead_letters import MAX_DEAD_LETTER_BYTES, append
from openride_stream.kafka.dlq.selection import Selection
from openride_stream.settings import Settings

SLICE_LETTERS: Final = 200
_BATCH_BYTES: Final = 512 * 1024


class Ledger(Protocol):
    """Which dead letters have been redriven."""

    async def redriven(self, letters: Sequence[Letter]) -> Sequence[bool]:
        """Whether each of `letters` (at most `SLICE_LETTERS`, of one topic) has been redriven."""
        ...

    async def record(self, letters: Sequence[Letter]) -> None:
        """Remember that `letters` have been redriven; returns when that is durable."""
        ...


class Sender(Protocol):
    """The way to the source topics."""

    async def send(self, letters: Sequence[Letter]) -> Sequence[Letter]:
        """Send letters of one partition; returns those that the broker has acknowledged."""
        ...


@dataclass(slots=True)
class Tally:
    """What became of the dead letters that were looked at."""

    sent: int = 0
    already: int = 0
    given_up: int = 0
    refused: int = 0

    @property
    def matched(self) -> int:
        """All of them."""
        return self.sent + self.already + self.given_up + self.refused


@dataclass(frozen=True, slots=True)
class Plan:
    """What to redrive: up to `limit` letters of `selection`, `rate` a second, none with `max_attempts`."""

    selection: Selection
    max_attempts: int
    limit: int | None = None
    rate: float | None = None

    @property
    def slice_letters(self) -> int:
        """How many go out at once: with a rate, no more than those of one second."""
        return SLICE_LETTERS if self.rate is None else max(1, min(SLICE_LETTERS, int(self.rate)))


@dataclass(slots=True)
class Redrive:
    """One go through dead letters. Without a sender it only counts what would be sent.

    Attributes:
        plan: which of them, and how fast.
        ledger: asked before, told after.
        sender: None for a dry run.
        clock: for the rate.
        seen: called after every slice.
        tally: what became of them so far.
    """

    plan: Plan
    ledger: Ledger
    sender: Sender | None
    clock: Clock
    seen: Callable[[Tally], None] = lambda _: None
    tally: Tally = field(default_factory=Tally)

    async def run(self, runs: AsyncIterable[Sequence[Letter]]) -> Tally:
        """Redrive what is open among `runs`, each of one partition.

        Raises:
            BrokerUnavailable: the broker stopped answering; what it acknowledged is in the ledger.
            StoreUnavailable: the ledger is away; what was sent last may be sent once more.
        """
        started_s = self.clock.monotonic_s()
        async for run in runs:
            meant = [letter for letter in run if self.plan.selection.matches(letter)]
            for letters in slices(meant, self.plan.slice_letters):
                await self._slice(letters)
                self.seen(self.tally)
                if self._enough():
                    return self.tally
                await self._keep_rate(started_s)
        return self.tally

    async def _slice(self, letters: Sequence[Letter]) -> None:
        known = await self.ledger.redriven(letters)
        fresh = [letter for letter, redriven in zip(letters, known, strict=True) if not redriven]
        self.tally.already += len(letters) - len(fresh)
        # Without its value it is no record any more: only its producer can send it again.
        whole = [letter for letter in fresh if letter.left_out is None]
        self.tally.refused += len(fresh) - len(whole)
        due = [letter for letter in whole if letter.attempts < self.plan.max_attempts]
        self.tally.given_up += len(whole) - len(due)
        if self.plan.limit is not None:
            due = due[: self.plan.limit - self.tally.sent]
        sent = await self.sender.send(due) if self.sender is not None and due else due
        if self.sender is not None:
            await self.ledger.record(sent)
        self.tally.sent += len(sent)
        self.tally.refused += len(due) - len(sent)

    def _enough(self) -> bool:
        return self.plan.limit is not None and self.tally.sent >= self.plan.limit

    async def _keep_rate(self, started_s: float) -> None:
        if self.plan.rate is not None and self.sender is not None:
            ahead_s = self.tally.sent / self.plan.rate - (self.clock.monotonic_s() - started_s)
            await asyncio.sleep(max(ahead_s, 0))


class FrontDoor:
    """Sends letters to their source topics; a `Sender`."""

    def __init__(self, producer: AIOKafkaProducer, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> "FrontDoor":
        """A sender with a producer of its own; use it as a context manager."""
        producer = AIOKafkaProducer(
            **connection(settings),
            acks="all",
            max_request_size=MAX_DEAD_LETTER_BYTES,
            max_batch_size=_BATCH_BYTES,
        )
        return cls(producer, clock)

    async def __aenter__(self) -> "FrontDoor":
        """Connect.

        Raises:
            BrokerUnavailable: no broker answered.
        """
        try:
            await self._producer.start()
        except (KafkaError, OSError) as error:
            await self._producer.stop()
            message = f"Kafka does not answer: {error}"
            raise BrokerUnavailable(message) from error
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def send(self, letters: Sequence[Letter]) -> Sequence[Letter]:
        """Send letters of one partition; those that the source topic finds too large are left out.

        Raises:
            BrokerUnavailable: a batch was not acknowledged; some of it may have arrived.
        """
        sent: list[Letter] = []
        waiting = list(letters)
        while waiting:
            batch, count = self._batch(waiting)
            part, waiting = waiting[:count], waiting[count:]
            try:
                await (await self._producer.send_batch(batch, part[0].topic, partition=part[0].partition))
            except MessageSizeTooLargeError:
                if count > 1:
                    for letter in part:
                        sent += await self.send([letter])
            except (KafkaError, TimeoutError) as error:
                message = f"{count} records for {part[0].topic} were not acknowledged: {error!r}"
                raise BrokerUnavailable(message) from error
            else:
                sent += part
        return sent

    def _batch(self, letters: Sequence[Letter]) -> tuple[Any, int]:
        batch, count = self._producer.create_batch(), 0
        # A time of its own: with the old one Kafka might expire the record before it is read.
        now_ms = self._clock.now_ms()
        for letter in letters:
            if not append(batch, letter, letter.redrive_headers(), now_ms):
                break
            count += 1
        return batch, count


def slices(letters: Sequence[Letter], size: int) -> Iterator[Sequence[Letter]]:
    """`letters` in pieces of at most `size`, in order."""
    for start in range(0, len(letters), size):
        yield letters[start : start + size]

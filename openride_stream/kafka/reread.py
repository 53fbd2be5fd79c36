"""Reading a log again, at chosen offsets, beside the consumer group and without a trace in it."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from openride_stream.kafka.admin import REQUEST_TIMEOUT_MS
from openride_stream.kafka.away import broker_away
from openride_stream.kafka.connection import connection
from openride_stream.offsets import Offsets
from openride_stream.settings import Settings

_RUN_RECORDS: Final = 5_000
# Reading on over what nobody asked for is quicker than a new fetch, up to about so many records.
_WORTH_A_SEEK: Final = 10_000
_FETCH_WAIT_MS: Final = 10
_WAIT_MS: Final = 2_000
_QUIET_WAITS: Final = 5


@dataclass(frozen=True, slots=True)
class Run:
    """Records that were asked for, in offset order; every offset before `position` has been passed.

    One that was asked for, was passed, and is in no run has no record: it was compacted away, or marks a
    transaction.
    """

    records: Sequence[ConsumerRecord]
    position: int


@asynccontextmanager
async def open_reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group, for `reread` and questions about offsets.

    Raises:
        BrokerUnavailable: no broker answered, or one failed while the reader was in use.
    """
    reader = AIOKafkaConsumer(
        **connection(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        # A fetch that waits for new records at the end of one partition holds up the next partition's.
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    try:
        await reader.start()
        await asyncio.sleep(0)  # stopping cancels a task of aiokafka's, which must have begun by then
        yield reader
    except (KafkaError, TimeoutError, OSError) as error:
        raise broker_away(settings.kafka_bootstrap_servers, error) from error
    finally:
        await reader.stop()


async def reread(reader: AIOKafkaConsumer, tp: TopicPartition, wanted: Offsets) -> AsyncIterator[Run]:
    """The records at the offsets `wanted`.

    Ends early when the broker hands out nothing more: then the last run's position is before the last of
    them. What the broker has deleted is passed over.
    """
    reader.assign([tp])
    left, position, quiet = wanted.ranges, -1, 0
    while left and quiet < _QUIET_WAITS:
        if position < 0 or left[0][0] - position > _WORTH_A_SEEK:
            position = left[0][0]
            reader.seek(tp, position)
        fetched = await reader.getmany(tp, timeout_ms=_WAIT_MS, max_records=_RUN_RECORDS)
        before, position = position, await reader.position(tp)
        quiet = quiet + 1 if position == before else 0
        left = left[bisect_right(left, position, key=lambda one: one[1]) :]
        if position > before:
            yield Run([record for record in fetched.get(tp, []) if record.offset in wanted], position)

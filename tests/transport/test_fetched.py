"""What a fetch brought: every record as it was sent, with any header name that a client can send."""

import asyncio
import gc
import struct
import weakref

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.consumer.subscription_state import ManualSubscription
from aiokafka.record.util import calc_crc32c

from openride_stream.settings import Settings
from openride_stream.transport import fetched as fetched_module
from openride_stream.transport import placing
from openride_stream.transport.fetched import Fetched
from openride_stream.transport.placing import Run
from tests.transport.reading import ReaderApp, Taken, running, until
from tests.transport.wire import Sent, batch

_CRC_AT, _AFTER_CRC = 17, 21
_MARK = b"QZQZ"


async def send_named(producer: AIOKafkaProducer, topic: str, name: bytes) -> None:
    """Three records in one batch, the middle one with a header of this name (four bytes)."""
    batch = producer.create_batch()
    for value in (b"one", b"two", b"three"):
        headers = [(_MARK.decode(), b"kept")] if value == b"two" else []
        batch.append(key=None, value=value, timestamp=1_790_000_000_000, headers=headers)
    built = bytearray(batch._build().replace(_MARK, name))
    struct.pack_into(">I", built, _CRC_AT, calc_crc32c(bytes(built[_AFTER_CRC:])))
    batch._buffer = built
    await (await producer.send_batch(batch, topic, partition=0))


async def test_a_header_name_that_is_not_utf8_stops_nothing(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await send_named(producer, topic, b"fine")
        await send_named(producer, topic, b"\xff\xfe\x00a")
        await send_named(producer, topic, b"last")
    taken = Taken()
    async with running(ReaderApp(settings, topic, taken)):
        await until(lambda: taken.count() == 9, "nine records")
    records = [record for batch in taken.batches for record in batch.records]
    assert [record.offset for record in records] == list(range(9))
    assert [record.value for record in records] == [b"one", b"two", b"three"] * 3
    assert [record.headers for record in records if record.headers] == [
        [("fine", b"kept")],
        [("\\xff\\xfe\0a", b"kept")],
        [("last", b"kept")],
    ]
    assert {record.timestamp for record in records} == {1_790_000_000_000}


async def test_a_batch_holds_what_was_unpacked_without_copies(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, None, key=b"k", partition=1, headers=[("h", None)])
        await producer.send_and_wait(topic, b"v", partition=1)
    taken = Taken()
    async with running(ReaderApp(settings, topic, taken)):
        await until(lambda: taken.count() == 2, "two records")
    first, second = (record for batch in taken.batches for record in batch.records)
    assert (first.key, first.value, list(first.headers)) == (b"k", None, [("h", None)])
    assert (second.key, second.value, list(second.headers)) == (None, b"v", [])


@pytest.mark.parametrize("compression", [None, "zstd"])
async def test_records_are_read_where_they_stand(
    bootstrap: str, topic: str, settings: Settings, compression: str | None
) -> None:
    placing.load()
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", compression_type=compression
    ) as producer:
        sending = [
            await producer.send(topic, b"%d" % number, b"k", partition=2, headers=[("h", b"%d" % number)])
            for number in range(500)
        ]
        await asyncio.gather(*sending)
    taken = Taken()
    # Fewer than a fetch brings: it is handed out in parts.
    async with running(ReaderApp(settings, topic, taken, broker_max_poll_records=200)):
        await until(lambda: taken.count() == 500, "500 records")
    assert {type(batch.records) for batch in taken.batches} == {Run}
    records = [record for batch in taken.batches for record in batch.records]
    assert [record.offset for record in records] == list(range(500))
    assert [(record.key, record.value) for record in records] == [(b"k", b"%d" % n) for n in range(500)]
    assert [record.headers for record in records] == [[("h", b"%d" % number)] for number in range(500)]


async def test_what_nobody_has_asked_for_yet_is_kept_as_it_was_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of each partition a fetch waits, and compressed it is a tenth of what it holds."""
    placing.load()
    tp = TopicPartition("asked", 0)
    sent: list[Sent] = [(offset, 1_790_000_000_000, None, b"value", []) for offset in range(100)]
    unread = PartitionRecords(tp, fetcher.MemoryRecords(batch(sent, codec=4)), [], 0, None, None, True, 0)
    subscription = ManualSubscription([tp])
    subscription.assignment.state_value(tp).seek(0)
    asked: list[int] = []

    def counting(fetched: bytes, fetch_offset: int, **given: bool) -> placing.PlacedPartition | None:
        asked.append(fetch_offset)
        return placing.placed(fetched, fetch_offset, **given)

    monkeypatch.setattr(fetched_module, "placed", counting)
    waiting = Fetched(frozenset({tp.topic}))
    waiting[tp] = result = fetcher.FetchResult(
        tp, assignment=subscription.assignment, partition_records=unread, backoff=0
    )
    assert (asked, result.has_more()) == ([], True)
    assert [len(result.getall(60)), len(result.getall(60)), result.has_more()] == [60, 40, False]
    assert asked == [0]
    assert subscription.assignment.state_value(tp).position == 100


@pytest.mark.parametrize("count", [100, 3], ids=["placed", "one by one"])
async def test_what_was_fetched_is_let_go_of_without_the_collector(count: int) -> None:
    """It seldom comes by: a gigabyte of fetches had waited for it."""
    placing.load()
    tp = TopicPartition("asked", 0)
    sent: list[Sent] = [(offset, 1_790_000_000_000, None, b"value", []) for offset in range(count)]
    subscription = ManualSubscription([tp])
    subscription.assignment.state_value(tp).seek(0)
    records = fetcher.MemoryRecords(batch(sent))
    alive = weakref.ref(records)
    waiting = Fetched(frozenset({tp.topic}))
    waiting[tp] = fetcher.FetchResult(
        tp,
        assignment=subscription.assignment,
        partition_records=PartitionRecords(tp, records, [], 0, None, None, True, 0),
        backoff=0,
    )
    del records
    gc.disable()
    try:
        assert len(waiting.pop(tp).getall()) == count
        assert alive() is None
    finally:
        gc.enable()


async def test_what_was_fetched_before_a_seek_is_not_even_unpacked() -> None:
    tp = TopicPartition("asked", 0)
    unread = PartitionRecords(tp, fetcher.MemoryRecords(b""), [], 5, None, None, True, 0)
    subscription = ManualSubscription([tp])
    subscription.assignment.state_value(tp).seek(3)
    waiting = Fetched(frozenset({tp.topic}))
    waiting[tp] = result = fetcher.FetchResult(
        tp, assignment=subscription.assignment, partition_records=unread, backoff=0
    )
    assert (len(result.getall()), result.has_more()) == (0, False)
    assert subscription.assignment.state_value(tp).position == 3

"""The batch transport against a real broker: order, commits, and what comes again after a stop or a crash."""

import asyncio
import signal
import subprocess
import sys
import uuid
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.consumer.fetcher import FetchResult
from faust.types import TP

from openride_stream.events.records import RecordBatch
from openride_stream.settings import Settings
from openride_stream.stall import Standing
from tests.fixtures.services import required_service
from tests.transport.reading import (
    PARTITIONS,
    Ack,
    ReaderApp,
    Taken,
    commit,
    committed,
    create_topic,
    position,
    reader_settings,
    running,
    send,
    settled,
    until,
    until_committed,
)


def numbered(count: int, first: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


async def test_each_partition_comes_in_order_and_is_committed(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    for partition in range(PARTITIONS):
        await send(bootstrap, topic, partition, numbered(250 + partition))
    taken = Taken()
    async with running(ReaderApp(settings, topic, taken)):
        await until(lambda: taken.count() >= 1006, "1,006 records")
        await until_committed(
            settings, topic, {partition: 250 + partition for partition in range(PARTITIONS)}
        )
    for partition in range(PARTITIONS):
        assert taken.offsets(partition) == list(range(250 + partition))
    for batch in taken.batches:
        assert (batch.topic, batch.first_offset) == (topic, batch.records[0].offset)
        assert [int(record.value or b"") for record in batch.records] == [r.offset for r in batch.records]
    assert len(taken.batches) < 100, "records came one by one"


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_of_every_codec_are_read(
    bootstrap: str, topic: str, settings: Settings, codec: str
) -> None:
    values = [b'{"compressible": "%s"}' % (b"a" * 200) for _ in range(50)]
    await send(bootstrap, topic, 0, values, codec)
    taken = Taken()
    async with running(ReaderApp(settings, topic, taken)):
        await until(lambda: taken.count() == 50, "50 records")
        await until_committed(settings, topic, {0: 50})
    assert [record.value for batch in taken.batches for record in batch.records] == values


async def test_what_was_fetched_while_the_flow_stood_still_is_delivered_when_it_flows_again(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    """And not only once another record follows: a quiet partition may have none for hours."""
    taken = Taken()
    dropped = number = 0
    async with running(ReaderApp(settings, topic, taken)) as app:
        while not dropped and number < 30:
            app.reader.stop_flow()
            # A fetch that began before is still waiting, for a second at the most.
            await send(bootstrap, topic, 0, numbered(1, number))
            await asyncio.wait({asyncio.create_task(_read(app, topic, number + 1))}, timeout=1.5)
            dropped += position(app, topic, 0) == number + 1
            app.reader.resume_flow()
            number += 1
            await until(partial(_has, taken, number), f"{number} records")
        await until_committed(settings, topic, {0: number})
    assert dropped, "no fetch was under way when the flow stopped"


def _has(taken: Taken, count: int) -> bool:
    return taken.count() == count


async def _read(app: ReaderApp, topic: str, count: int) -> None:
    await until(lambda: position(app, topic, 0) == count, f"position {count}")


async def test_what_is_not_acked_is_not_committed_and_comes_again(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    await send(bootstrap, topic, 0, numbered(50))
    first = Taken(acking=False)
    async with running(ReaderApp(settings, topic, first)) as app:
        await until(lambda: first.count() == 50, "50 records")
        await app.reader.commit()
    assert await committed(settings, topic) == dict.fromkeys(range(PARTITIONS))
    second = Taken()
    async with running(ReaderApp(settings, topic, second)):
        await until(lambda: second.count() == 50, "50 records again")
        await until_committed(settings, topic, {0: 50})


async def test_acks_out_of_order_commit_the_prefix_only(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    taken = Taken(acking=False)
    async with running(ReaderApp(settings, topic, taken)):
        for number in range(3):
            await send(bootstrap, topic, 1, numbered(10, number * 10))
            await until(lambda: taken.count() == (number + 1) * 10, "a batch")  # noqa: B023
        ends = [batch.last_offset + 1 for batch in taken.batches]
        assert len(ends) >= 3
        for ack in taken.acks[1:]:
            ack()
        await asyncio.sleep(1.5)  # longer than the commit interval: nothing may be committed in it
        assert await committed(settings, topic) == dict.fromkeys(range(PARTITIONS))
        taken.acks[0]()
        await until_committed(settings, topic, {1: ends[-1]})


async def test_a_stop_commits_what_becomes_durable_while_it_drains(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    await send(bootstrap, topic, 0, numbered(50))
    taken = Taken(acking=False)
    app = ReaderApp(settings, topic, taken)

    async def drained() -> None:
        # Records that arrive while the flow is stopped must not make the consumer forget what it handed out.
        await send(bootstrap, topic, 0, numbered(50, 50))
        await asyncio.sleep(1.5)
        for ack in taken.acks:
            ack()

    async with running(app):
        await until(lambda: taken.count() == 50, "50 records")
        app.drained = drained  # only now: joining the group drains too
    assert (await committed(settings, topic))[0] == 50


async def test_a_killed_process_leaves_nothing_out(
    bootstrap: str, topic: str, settings: Settings, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    command = [sys.executable, "-m", "tests.transport.reading", bootstrap, settings.consumer_group, topic]
    await send(bootstrap, topic, 0, numbered(3000))

    def journalled() -> list[int]:
        lines = journal.read_text().splitlines() if journal.exists() else []
        runs = [[int(word) for word in line.split()] for line in lines if line.count(" ") == 2]
        return [offset for _, first, last in runs for offset in range(first, last + 1)]

    with (tmp_path / "reader.log").open("ab") as log:
        for sent in (3000, 6000):
            process = subprocess.Popen([*command, str(journal)], stdout=log, stderr=log)  # noqa: ASYNC220
            try:
                await until(lambda: len(set(journalled())) >= sent, f"{sent} records")  # noqa: B023
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            await send(bootstrap, topic, 0, numbered(3000, sent))
    taken = Taken()
    async with running(ReaderApp(settings, topic, taken)):
        await until_committed(settings, topic, {0: 9000})
    assert set(journalled()) | set(taken.offsets(0)) == set(range(9000))


async def test_a_second_reader_joins_and_leaves_and_nothing_is_lost(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    settings = patient(settings)
    first, second = Taken(), Taken()
    sent = 0

    async def send_everywhere() -> None:
        nonlocal sent
        for partition in range(PARTITIONS):
            await send(bootstrap, topic, partition, numbered(100, sent))
        sent += 100

    def all_read() -> bool:
        seen = {(b.partition, r.offset) for t in (first, second) for b in t.batches for r in b.records}
        return len(seen) == sent * PARTITIONS

    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running(ReaderApp(settings, topic, first)))
        await send_everywhere()
        await until(all_read, "the first records")
        async with running(ReaderApp(settings, topic, second)) as other:
            await until(lambda: settled(app) and _partitions(app) and _partitions(other), "shares for both")
            assert _partitions(app).isdisjoint(_partitions(other))
            await send_everywhere()
            await until(all_read, "the records of two readers")
            await until_committed(settings, topic, dict.fromkeys(range(PARTITIONS), sent))
        await send_everywhere()
        await until(all_read, "the records after the second has left")
        await until_committed(settings, topic, dict.fromkeys(range(PARTITIONS), sent))
    for taken in (first, second):
        for partition in range(PARTITIONS):
            offsets = taken.offsets(partition)
            assert offsets == sorted(set(offsets)), "a batch that was acked came again"


def patient(settings: Settings) -> Settings:
    """The embedded broker loses its way when a busy machine makes it give up members that live."""
    return settings.model_copy(update={"broker_session_timeout_s": 6.0, "broker_heartbeat_interval_s": 1.2})


def _partitions(app: ReaderApp) -> set[int]:
    (topic,) = app.batch_topics
    return {tp.partition for tp in app.reader.assignment() if tp.topic == topic}


async def test_a_rebalance_commits_what_is_in_flight_before_it_gives_partitions_away(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    settings = patient(settings)
    for partition in range(PARTITIONS):
        await send(bootstrap, topic, partition, numbered(50))
    first, second = Taken(acking=False), Taken()
    app = ReaderApp(settings, topic, first)

    async def drained() -> None:
        first.acking = True
        while first.acks:
            first.acks.pop()()

    async with running(app):
        await until(lambda: first.count() == 50 * PARTITIONS, "all records")
        app.drained = drained
        async with running(ReaderApp(settings, topic, second)):
            await until(lambda: settled(app), "a settled group")
            await until_committed(settings, topic, dict.fromkeys(range(PARTITIONS), 50))
            for partition in range(PARTITIONS):
                await send(bootstrap, topic, partition, [b"50"])
            await until_committed(settings, topic, dict.fromkeys(range(PARTITIONS), 51))
    assert {batch.first_offset for batch in second.batches} == {50}, "committed records came again"


async def test_ordinary_agents_and_tables_live_beside_batch_topics(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    plain = f"plain-{uuid.uuid4()}"
    await create_topic(bootstrap, plain)

    def declare() -> tuple[ReaderApp, Any, Taken]:
        taken = Taken()
        app = ReaderApp(settings, topic, taken)
        counts = app.Table("counts", default=int, partitions=PARTITIONS)

        async def count(stream: Any) -> None:
            async for word in stream:
                counts[word] += 1

        app.agent(app.topic(plain, value_type=str, partitions=PARTITIONS))(count)
        return app, counts, taken

    await _send_words(bootstrap, plain, ["a", "b", "a"] * 20)
    await send(bootstrap, topic, 0, numbered(30))
    app, counts, taken = declare()
    async with running(app):
        await until(lambda: counts.get("a") == 40 and counts.get("b") == 20, "counts")
        await until(lambda: taken.count() == 30, "batches")
        await until_committed(settings, plain, {0: 60})
        await until_committed(settings, topic, {0: 30})
    await _send_words(bootstrap, plain, ["b", "c"])
    app, counts, taken = declare()
    async with running(app):
        await until(lambda: counts.get("c") == 1, "the new word")
        assert (counts["a"], counts["b"]) == (40, 21)
        assert taken.batches == []


async def _send_words(bootstrap: str, topic: str, words: list[str]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for word in words:
            await producer.send(topic, orjson.dumps(word), partition=0)
        await producer.flush()


async def test_a_stream_that_falls_behind_stops_the_reading(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    gate = asyncio.Event()
    taken = Taken()

    async def slow(batch: RecordBatch, ack: Ack) -> None:
        await gate.wait()
        await taken(batch, ack)

    records = 400
    app = ReaderApp(settings, topic, slow, broker_max_poll_records=5)
    async with running(app):
        await send(bootstrap, topic, 0, numbered(records))
        await until(lambda: app.reader.ledger.outstanding(TP(topic, 0)) > 3, "a full buffer")
        await asyncio.sleep(1.5)  # as long as it takes to fetch it all, if nothing held it back
        assert app.reader.ledger.outstanding(TP(topic, 0)) <= app.conf.stream_buffer_maxsize + 2
        gate.set()
        await until_committed(settings, topic, {0: records})
    assert taken.offsets(0) == list(range(records))


async def test_the_stall_watch_sees_what_is_owed(bootstrap: str, topic: str, settings: Settings) -> None:
    taken = Taken(acking=False)
    async with running(ReaderApp(settings, topic, taken)) as app:
        await send(bootstrap, topic, 2, numbered(10))
        await until(lambda: taken.count() == 10, "10 records")
        nothing = dict.fromkeys([(topic, n) for n in range(PARTITIONS)], Standing(None, owed=False))
        assert await app.standings() == nothing | {(topic, 2): Standing(None, owed=True)}
        for ack in taken.acks:
            ack()
        await until_committed(settings, topic, {2: 10})
        assert await app.standings() == nothing | {(topic, 2): Standing(10, owed=False)}


async def test_faust_keeps_no_books_of_batches(bootstrap: str, topic: str, settings: Settings) -> None:
    taken = Taken()
    async with running(ReaderApp(settings, topic, taken, broker_max_poll_records=5)) as app:
        await send(bootstrap, topic, 0, numbered(200))
        await until_committed(settings, topic, {0: 200})
        reader = app.reader
        assert len(taken.batches) >= 20
        assert reader.ledger.outstanding(TP(topic, 0)) == 0
        assert not any(tp.topic == topic for tp in (*reader._gap, *reader._acked, *reader._acked_index))
        assert not reader.unacked


@pytest.mark.parametrize("bootstrap", ["embedded"], indirect=True)
@pytest.mark.parametrize(("place", "times"), [(0, 3), (70, 3), (40, 10**9)])
async def test_a_record_that_shows_after_the_one_behind_it_is_read(
    bootstrap: str,
    topic: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    place: int,
    times: int,
) -> None:
    """As the embedded broker does, for a moment; what does not show for longer was deleted."""
    left, hidden = times, {120 + place}
    unread = FetchResult.getall

    def shown(result: Any, *given: Any, **more: Any) -> Any:
        nonlocal left
        found = unread(result, *given, **more)
        kept = [record for record in found if record.offset not in hidden]
        if len(kept) == len(found) or not left or not kept or kept[-1].offset < max(hidden):
            return found
        left -= 1
        return kept

    monkeypatch.setattr(FetchResult, "getall", shown)
    await send(bootstrap, topic, 0, numbered(120))
    taken = Taken()
    async with running(ReaderApp(settings, topic, taken)):
        await until(lambda: taken.count() == 120, "120 records")
        await send(bootstrap, topic, 0, numbered(120, 120))
        await until_committed(settings, topic, {0: 240})
    missing = hidden if times == 10**9 else set()
    assert left < times
    assert taken.offsets(0) == [offset for offset in range(240) if offset not in missing]


@pytest.mark.kafka
async def test_transaction_markers_are_gaps_that_stop_nothing(tmp_path: Path) -> None:
    bootstrap = required_service("OPENRIDE_TEST_KAFKA", "the host:port of an Apache Kafka")
    topic = f"transactions-{uuid.uuid4()}"
    await create_topic(bootstrap, topic)
    settings = reader_settings(bootstrap, f"transport-{uuid.uuid4()}", tmp_path)
    taken = Taken()
    async with running(ReaderApp(settings, topic, taken)) as app:
        for number in range(3):
            async with (
                AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic) as producer,
                producer.transaction(),
            ):
                for value in numbered(10, number * 10):
                    await producer.send(topic, value, partition=0)
        await until(lambda: taken.count() == 30, "30 records")
        await until_committed(settings, topic, {0: 32})  # 30 records and the markers between them
        assert not (await app.standings())[topic, 0].owed  # the last marker is no record to wait for
    assert taken.offsets(0) == [offset for offset in range(32) if offset % 11 != 10]


# The embedded broker waits at an offset that its log does not have, as if it would come.
@pytest.mark.kafka
@pytest.mark.parametrize("bootstrap", ["apache"], indirect=True)
async def test_a_log_that_ends_before_what_was_committed_is_read_from_its_start(
    bootstrap: str, topic: str, settings: Settings
) -> None:
    """It was cut, or restored from a copy; what comes after must not wait for offsets to be reached again."""
    await send(bootstrap, topic, 0, numbered(50))
    await commit(settings, topic, {0: 1000, 1: 10})
    taken = Taken()
    async with running(ReaderApp(settings, topic, taken)) as app:
        await until(lambda: taken.count() == 50, "50 records")
        await until_committed(settings, topic, {0: 50})
        await send(bootstrap, topic, 0, numbered(10, 50))
        await send(bootstrap, topic, 1, numbered(5))
        await until_committed(settings, topic, {0: 60, 1: 5})
        assert app.reader.lag_records()[TP(topic, 0)] == 0
    assert (taken.offsets(0), taken.offsets(1)) == (list(range(60)), list(range(5)))

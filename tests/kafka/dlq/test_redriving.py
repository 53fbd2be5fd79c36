"""Redrive on a real broker: the same bytes, the same event, once."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from openride_stream.clock import SystemClock
from openride_stream.events.decode import decode
from openride_stream.events.example import example
from openride_stream.events.identity import Position, derived_id
from openride_stream.events.letters import Letter
from openride_stream.events.records import RecordBatch
from openride_stream.events.rejects import Reject
from openride_stream.kafka import dead_letters
from openride_stream.kafka.dead_letters import DeadLetters
from openride_stream.kafka.dlq.reading import open_reader
from openride_stream.kafka.dlq.redriving import FrontDoor, Plan, Redrive, Tally
from openride_stream.kafka.dlq.selection import Selection
from openride_stream.kafka.topics import create_topics
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.events.batches import POLICY, FakeRecord
from tests.fixtures.clock import ManualClock

TOPIC = "openride.events.trip"
PARTITION = 1
DEADLINE_S = 60.0
EVERYTHING = Selection(key=POLICY.pii_key, max_bytes=POLICY.max_record_bytes)


class Memory:
    """A ledger that ends with the test."""

    def __init__(self) -> None:
        self.known: set[tuple[Position, int]] = set()

    async def redriven(self, letters: Sequence[Letter]) -> list[bool]:
        return [(letter.first, letter.attempts) in self.known for letter in letters]

    async def record(self, letters: Sequence[Letter]) -> None:
        self.known |= {(letter.first, letter.attempts) for letter in letters}


@pytest.fixture
async def letters(settings: Settings) -> AsyncIterator[DeadLetters]:
    await create_topics(settings)
    opened = await DeadLetters.open(settings, "worker-1", Metrics(), SystemClock())
    yield opened
    await opened.close()


def rejects(*values: bytes | None, first: int = 40, error: str = "InvalidField") -> list[Reject]:
    now_ms = SystemClock().now_ms()
    headers = [("trace", b"7")]
    records = [FakeRecord(value, first + n, now_ms, b"key", headers) for n, value in enumerate(values)]
    return [Reject(record, error, "trip_id: wrong") for record in records]


async def redrive(settings: Settings, ledger: Memory, dry_run: bool = False, **plan: object) -> Tally:
    given = {"selection": EVERYTHING, "max_attempts": 5} | plan
    clock = SystemClock()
    async with open_reader(settings, [TOPIC]) as reader, FrontDoor.of(settings, clock) as door:
        going = Redrive(Plan(**given), ledger, None if dry_run else door, clock)  # type: ignore[arg-type]
        return await going.run(reader.runs())


async def source(settings: Settings, count: int) -> list[ConsumerRecord]:
    found: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, group_id=None, auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign([TopicPartition(TOPIC, PARTITION)])
        async with asyncio.timeout(DEADLINE_S):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    return found


async def read(settings: Settings) -> list[Letter]:
    async with open_reader(settings, [TOPIC]) as reader:
        return [letter async for run in reader.runs() for letter in run]


async def test_bytes_key_and_headers_are_the_records_own_and_its_identity_is_the_first(
    settings: Settings, letters: DeadLetters
) -> None:
    event = {name: value for name, value in example("trip.started").items() if name != "event_id"}
    value = orjson.dumps(event)
    (reject,) = rejects(value)
    await letters.publish(TOPIC, PARTITION, [reject])
    tally = await redrive(settings, Memory())
    assert (tally.sent, tally.matched) == (1, 1)
    (record,) = await source(settings, 1)
    assert (record.key, record.value, record.headers[0]) == (b"key", value, ("trace", b"7"))
    (row,) = decode(RecordBatch(TOPIC, PARTITION, [record]), POLICY, record.timestamp).rows
    first = Position(TOPIC, PARTITION, 40, reject.record.timestamp)
    assert row["event_id"] == derived_id(POLICY.cluster_id, first, value)
    assert row["offset"] == record.offset == 0


async def test_what_was_redriven_is_not_sent_again_until_it_has_failed_again(
    settings: Settings, letters: DeadLetters
) -> None:
    ledger = Memory()
    await letters.publish(TOPIC, PARTITION, rejects(b"1", b"2", b"3"))
    before = (await redrive(settings, ledger, dry_run=True)).sent
    assert (before, (await redrive(settings, ledger)).sent) == (3, 3)
    again = await redrive(settings, ledger)
    assert (again.sent, again.already) == (0, 3)

    back = (await source(settings, 3))[1]
    await letters.publish(TOPIC, PARTITION, [Reject(back, "InvalidField", "still")])
    third = await redrive(settings, ledger)
    assert (third.sent, third.already) == (1, 3)
    records = await source(settings, 4)
    assert [record.value for record in records] == [b"1", b"2", b"3", b"2"]
    assert dict(records[-1].headers)["dlq.attempts"] == b"2"
    old, new = (letter for letter in await read(settings) if letter.value == b"2")
    assert (new.attempts, new.first, new.first_seen_ms) == (2, old.first, old.first_seen_ms)


async def test_a_letter_without_its_value_is_left_to_its_producer(
    settings: Settings, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "LONGEST_VALUE_BYTES", 5)
    await letters.publish(TOPIC, PARTITION, rejects(b"1", b"longer", None))
    tally = await redrive(settings, Memory())
    assert (tally.sent, tally.refused) == (2, 1)
    assert [record.value for record in await source(settings, 2)] == [b"1", None]


async def test_it_gives_up_after_so_many_attempts(settings: Settings, letters: DeadLetters) -> None:
    ledger = Memory()
    await letters.publish(TOPIC, PARTITION, rejects(b"poison"))
    for attempt in range(1, 3):
        assert (await redrive(settings, ledger, max_attempts=3)).sent == 1
        back = (await source(settings, attempt))[-1]
        await letters.publish(TOPIC, PARTITION, [Reject(back, "InvalidField", "still")])
    tally = await redrive(settings, ledger, max_attempts=3)
    assert (tally.sent, tally.already, tally.given_up) == (0, 2, 1)


async def test_filters_and_the_limit_choose(settings: Settings, letters: DeadLetters) -> None:
    ledger = Memory()
    await letters.publish(TOPIC, PARTITION, rejects(b'{"event_type":"trip.started"}', b"{", b"{}"))
    await letters.publish(TOPIC, PARTITION, rejects(b"late", b"later", first=50, error="too_late"))
    key = {"key": POLICY.pii_key, "max_bytes": 1_000}
    by_type = Selection(event_types=["trip.started"], **key)  # type: ignore[arg-type]
    assert (await redrive(settings, ledger, selection=by_type)).sent == 1
    late = Selection(errors=["too_late"], **key)  # type: ignore[arg-type]
    assert (await redrive(settings, ledger, selection=late, limit=1)).sent == 1
    future = Selection(since_ms=SystemClock().now_ms() + 60_000)
    assert (await redrive(settings, ledger, selection=future)).matched == 0
    assert [record.value for record in await source(settings, 2)] == [
        b'{"event_type":"trip.started"}',
        b"late",
    ]


class Stopwatch:
    """A ledger and a sender that note what goes out when; it takes a tenth of a second each time."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.began_s = self.clock.monotonic_s()
        self.sent: list[tuple[float, list[bytes | None]]] = []

    async def redriven(self, letters: Sequence[Letter]) -> list[bool]:
        return [letter.value == b"known" for letter in letters]

    async def record(self, letters: Sequence[Letter]) -> None:
        del letters

    async def send(self, letters: Sequence[Letter]) -> Sequence[Letter]:
        self.clock.advance(0.1)
        self.sent.append((self.passed_s(), [letter.value for letter in letters]))
        return letters

    def passed_s(self) -> float:
        return round(self.clock.monotonic_s() - self.began_s, 3)

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)


async def paced(
    monkeypatch: pytest.MonkeyPatch, rate: float | None, *values: bytes
) -> tuple[Stopwatch, list[int]]:
    """Redrive two runs of `values`; how many had been sent at each word of progress."""
    watch, progress = Stopwatch(), list[int]()

    async def runs() -> AsyncIterator[Sequence[Letter]]:
        for partition in range(2):
            yield [Letter.of(TOPIC, partition, reject, "worker-1", 1) for reject in rejects(*values)]

    with monkeypatch.context() as patch:
        patch.setattr("openride_stream.kafka.dlq.redriving.asyncio.sleep", watch.sleep)
        plan = Plan(EVERYTHING, 5, None, rate)
        await Redrive(plan, watch, watch, watch.clock, lambda tally: progress.append(tally.sent)).run(runs())
    return watch, progress


async def test_a_rate_holds_over_slices_and_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, progress = await paced(monkeypatch, 2, b"1", b"known", b"2", b"3", b"4", b"5")
    assert [values for _, values in watch.sent] == [[b"1"], [b"2", b"3"], [b"4", b"5"]] * 2
    for time_s, before in zip([at for at, _ in watch.sent], [0, 1, 3, 5, 6, 8], strict=True):
        assert time_s >= before / 2, "what went out before had its time"
    assert watch.passed_s() == 5, "and no more: ten at two a second"
    assert progress == [1, 3, 5, 6, 8, 10]


async def test_less_than_one_a_second_goes_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, _ = await paced(monkeypatch, 0.5, b"1", b"2")
    assert watch.sent == [(0.1, [b"1"]), (2.1, [b"2"]), (4.1, [b"1"]), (6.1, [b"2"])]


async def test_without_a_rate_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, _ = await paced(monkeypatch, None, b"1", b"2")
    assert watch.sent == [(0.1, [b"1", b"2"]), (0.2, [b"1", b"2"])]


async def test_records_of_every_size_come_through_in_order(settings: Settings, letters: DeadLetters) -> None:
    values = [None, b"", b"x" * 1_900_000, *(b"%d" % number for number in range(700)), b"y" * 900_000]
    await letters.publish(TOPIC, PARTITION, rejects(*values))
    assert (await redrive(settings, Memory())).sent == len(values)
    assert [record.value for record in await source(settings, len(values))] == values


async def test_an_empty_topic_has_nothing_to_read(settings: Settings) -> None:
    await create_topics(settings)
    assert await read(settings) == []

"""Delivery: a batch is acked when each of its records is a durable row or an acknowledged dead letter."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

import openride_stream.delivery as delivery_module
from openride_stream.circuit import Circuit, CircuitPolicy
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.sink import Sink
from openride_stream.clock import SystemClock, utc_from_ms
from openride_stream.delivery import Ingest
from openride_stream.errors import BrokerUnavailable, StoreRefused, StoreUnavailable
from openride_stream.events.accept import Accepted
from openride_stream.events.decode import Decoded, decode
from openride_stream.events.letters import Letter
from openride_stream.events.records import Record, RecordBatch
from openride_stream.events.rejects import Reject
from openride_stream.metrics import Metrics
from openride_stream.parking import Parking
from openride_stream.settings import Settings
from tests.events.batches import POLICY, FakeRecord

TOPIC = "openride.events.location"
DEADLINE_S = 60.0


class Letters:
    """Dead letters as they would be acknowledged; `gate` closed is a broker that does not answer."""

    def __init__(self) -> None:
        self.published: list[Reject] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def publish(self, topic: str, partition: int, rejects: Sequence[Reject]) -> Sequence[Letter]:
        assert (topic, partition) == (TOPIC, 3)
        await self.gate.wait()
        if self.error:
            raise self.error
        first = len(self.published)
        self.published += rejects
        now_ms = SystemClock().now_ms()
        letters = [Letter.of(topic, partition, reject, "worker-1", now_ms) for reject in rejects]
        return [replace(letter, offset=first + place) for place, letter in enumerate(letters)]


class Acks:
    """Which batches were acked, by first offset, and what was stored by then."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.changed = asyncio.Event()

    def of(self, batch: RecordBatch) -> Any:
        def ack() -> bool:
            self.done.append(batch.first_offset)
            self.changed.set()
            return True

        return ack

    async def until(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.done) < count:
                self.changed.clear()
                await self.changed.wait()


class GatedStore(ClickHouse):
    """The real store behind a gate."""

    open_gate: asyncio.Event
    away = False

    async def insert(self, table: str, rows: bytes, form: str = "JSONEachRow") -> None:
        await self.open_gate.wait()
        if self.away:
            message = "away"
            raise StoreUnavailable(message)
        await super().insert(table, rows, form)


@pytest.fixture
async def gated(store: ClickHouse, settings: Settings) -> AsyncIterator[GatedStore]:
    opened = GatedStore.open(settings)
    opened.open_gate = asyncio.Event()
    opened.open_gate.set()
    yield opened
    await opened.close()


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def acks() -> Acks:
    return Acks()


class Word:
    """What an operator has accepted, and which partitions are read."""

    def __init__(self) -> None:
        self.until: dict[tuple[str, int], int] = {}
        self.paused: set[tuple[str, int]] = set()

    async def accepted(self, partitions: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        return {partition: self.until[partition] for partition in partitions if partition in self.until}

    def pause(self, topic: str, partition: int) -> None:
        self.paused.add((topic, partition))

    def resume(self, topic: str, partition: int) -> None:
        self.paused.discard((topic, partition))


@pytest.fixture
def word() -> Word:
    return Word()


@pytest.fixture
async def ingest(
    gated: GatedStore, settings: Settings, letters: Letters, word: Word
) -> AsyncIterator[Ingest]:
    metrics = Metrics()
    sink = Sink(gated, settings, metrics, SystemClock())
    flushing = asyncio.create_task(sink.run())
    circuit = Circuit(CircuitPolicy(consecutive=10, ratio=0.5, window_records=100))
    parking = Parking(circuit, word.accepted, metrics, word, look_every_s=0.01)
    ingest = Ingest(POLICY, sink, letters, metrics, SystemClock(), parking)
    releasing = asyncio.create_task(parking.run(ingest.take))
    yield ingest
    releasing.cancel()
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)


def location(**given: Any) -> bytes:
    event = {
        "event_type": "driver.location.updated",
        "event_timestamp": utc_from_ms(SystemClock().now_ms()).isoformat(),
        "driver_id": str(uuid.uuid4()),
        "lat": 6.5,
        "lon": 3.4,
    }
    return orjson.dumps(event | given)


def batch_of(*values: bytes | None, first: int = 0) -> RecordBatch:
    now_ms = SystemClock().now_ms()
    records: list[Record] = [FakeRecord(value, first + n, now_ms) for n, value in enumerate(values)]
    return RecordBatch(TOPIC, 3, records)


async def stored(store: ClickHouse) -> list[int]:
    rows = await store.select(f"SELECT offset FROM {store.database}.location_events FINAL ORDER BY offset")
    return [row["offset"] for row in rows]


async def kept(store: ClickHouse) -> list[dict[str, Any]]:
    return await store.select(f"SELECT * FROM {store.database}.dead_letters FINAL ORDER BY offset")


async def test_a_batch_is_acked_when_its_rows_are_durable(
    ingest: Ingest, gated: GatedStore, acks: Acks
) -> None:
    gated.open_gate.clear()
    batch = batch_of(location(), location())
    await ingest.accept(batch, acks.of(batch))
    await asyncio.sleep(0.2)  # ten flush intervals
    assert acks.done == []
    gated.open_gate.set()
    await acks.until(1)
    assert await stored(gated) == [0, 1]


async def test_a_batch_without_a_good_record_is_acked_behind_its_dead_letters_and_their_rows(
    ingest: Ingest, gated: GatedStore, letters: Letters, acks: Acks
) -> None:
    letters.gate.clear()
    gated.open_gate.clear()
    batch = batch_of(b"{", None, location(lat=91))
    accepting = asyncio.create_task(ingest.accept(batch, acks.of(batch)))
    await asyncio.sleep(0.1)
    assert acks.done == []
    letters.gate.set()
    await asyncio.wait_for(accepting, DEADLINE_S)
    assert acks.done == []
    gated.open_gate.set()
    await acks.until(1)
    assert [row["error"] for row in await kept(gated)] == ["MalformedJson", "MalformedJson", "InvalidField"]
    assert [reject.record.offset for reject in letters.published] == [0, 1, 2]
    assert "lat" in letters.published[2].message


async def test_one_bad_record_costs_only_itself(
    ingest: Ingest, gated: GatedStore, letters: Letters, acks: Acks
) -> None:
    batch = batch_of(location(), b"not JSON", location(), first=10)
    await ingest.accept(batch, acks.of(batch))
    await acks.until(1)
    assert await stored(gated) == [10, 12]
    assert [reject.record.offset for reject in letters.published] == [11]


async def test_a_broker_that_takes_no_dead_letters_keeps_the_batch_unacked(
    ingest: Ingest, gated: GatedStore, letters: Letters, acks: Acks
) -> None:
    letters.error = BrokerUnavailable("no broker")
    batch = batch_of(location(), b"not JSON")
    with pytest.raises(BrokerUnavailable):
        await ingest.accept(batch, acks.of(batch))
    await ingest.sink.drain(DEADLINE_S)
    assert acks.done == []


async def test_a_store_that_is_away_keeps_batches_unacked(
    ingest: Ingest, gated: GatedStore, acks: Acks
) -> None:
    gated.away = True
    for first in (0, 1, 2):
        batch = batch_of(location(), first=first)
        await ingest.accept(batch, acks.of(batch))
    assert not await ingest.sink.drain(0.2)
    assert acks.done == []
    gated.away = False
    await acks.until(3)
    # In no order: the ledger commits the prefix that is acked.
    assert sorted(acks.done) == [0, 1, 2]
    assert await stored(gated) == [0, 1, 2]


async def test_columns_that_fail_are_read_as_rows(
    ingest: Ingest, gated: GatedStore, acks: Acks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Accepted:
        raise IndexError

    monkeypatch.setattr(delivery_module, "accept", failing)
    batch = batch_of(*(location() for _ in range(3)), first=40)
    await ingest.accept(batch, acks.of(batch))
    await acks.until(1)
    assert await stored(gated) == [40, 41, 42]


async def test_a_row_that_the_store_refuses_is_dead_lettered_with_its_column(
    ingest: Ingest, gated: GatedStore, letters: Letters, acks: Acks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lenient(batch: RecordBatch, policy: Any, now_ms: int) -> Decoded:
        decoded = decode(batch, policy, now_ms)
        decoded.rows[2]["driver_id"] = "+2348012345678"
        return decoded

    def as_rows(batch: RecordBatch, policy: Any, now_ms: int) -> Accepted:
        decoded = lenient(batch, policy, now_ms)
        return Accepted((), decoded.rows, decoded.rejects)

    monkeypatch.setattr(delivery_module, "decode", lenient)
    monkeypatch.setattr(delivery_module, "accept", as_rows)
    batch = batch_of(*(location() for _ in range(5)), first=20)
    await ingest.accept(batch, acks.of(batch))
    await acks.until(1)
    monkeypatch.undo()
    following = batch_of(location(), first=25)
    await ingest.accept(following, acks.of(following))
    await acks.until(2)
    assert await stored(gated) == [20, 21, 23, 24, 25]
    (reject,) = letters.published
    assert (reject.record.offset, reject.error) == (22, "StoreRefused")
    assert reject.message == "driver_id: ClickHouse refused the row (code 376)", "the field, and no value"
    assert [(row["offset"], row["error"]) for row in await kept(gated)] == [(22, "StoreRefused")]


async def test_watchers_see_each_batch_once_and_before_it_is_acked(ingest: Ingest, acks: Acks) -> None:
    seen: list[tuple[int, int, list[int]]] = []
    ingest.watchers = (lambda batch, rows: seen.append((batch.first_offset, len(rows), list(acks.done))),)
    for first in (0, 5):
        batch = batch_of(location(), b"{", first=first)
        await ingest.accept(batch, acks.of(batch))
        await acks.until(len(seen))
    assert seen == [(0, 1, []), (5, 1, [0])]


async def test_a_dead_letter_is_kept_once_masked_and_with_its_place(
    ingest: Ingest, gated: GatedStore, acks: Acks
) -> None:
    bad = location(lat=91, phone="+2348012345678")
    batch = batch_of(bad, first=7)
    for count in (1, 2):  # the second time as after a crash: the same failure of the same record
        await ingest.accept(batch, acks.of(batch))
        await acks.until(count)
    (row,) = await kept(gated)
    assert (row["topic"], row["partition"], row["offset"]) == (TOPIC, 3, 7)
    assert (row["dlq_partition"], row["dlq_offset"], row["attempts"]) == (3, 1, 1)
    assert row["event_type"] == "driver.location.updated"
    assert row["value_bytes"] == len(bad)
    fields = orjson.loads(row["fields"])
    assert fields["lat"] == 91
    assert "2348012345678" not in str(row)
    assert len(fields["phone"]) == 64


async def test_too_many_bad_records_pause_their_partition_and_no_other(
    ingest: Ingest, gated: GatedStore, letters: Letters, acks: Acks, word: Word
) -> None:
    batches = [batch_of(*[b"{"] * 6, location(), first=0)]
    batches += [batch_of(*[b"{"] * 12, first=7), batch_of(location(), first=19)]
    for batch in batches:
        await asyncio.wait_for(ingest.accept(batch, acks.of(batch)), DEADLINE_S)
    await acks.until(1)
    assert len(letters.published) == 6, "nothing of the batch that is too bad"
    assert word.paused == {(TOPIC, 3)}
    (reason,) = ingest.parking.reasons()
    assert reason.startswith(f"{TOPIC}[3] is paused: 12 bad records in a row; last: MalformedJson (")
    assert f"openride dlq accept {TOPIC}" in reason

    other = replace(batch_of(location(), first=100), partition=4)
    await ingest.accept(other, acks.of(other))
    await acks.until(2)
    assert acks.done == [0, 100], "what follows the bad batch waits, other partitions do not"

    word.until[TOPIC, 3] = 19
    await acks.until(4)
    # Dead letters and rows are in two inserts: the ledger commits the prefix that is acked.
    assert sorted(acks.done) == [0, 7, 19, 100]
    assert len(letters.published) == 18
    assert ingest.parking.reasons() == []
    assert word.paused == set()


async def test_a_rebalance_forgets_what_waits(ingest: Ingest, letters: Letters, acks: Acks) -> None:
    batch = batch_of(*[b"{"] * 12)
    await ingest.accept(batch, acks.of(batch))
    ingest.parking.recall()
    assert ingest.parking.reasons() == []
    await ingest.accept(batch, acks.of(batch))  # the partition is ours again: read again, paused again
    assert len(ingest.parking.reasons()) == 1
    assert (letters.published, acks.done) == ([], [])


async def test_a_topic_whose_table_is_held_is_paused_until_it_is_not(
    ingest: Ingest, gated: GatedStore, letters: Letters, acks: Acks, word: Word
) -> None:
    refusals = StoreRefused("Code: 16. No such column lat", 16, "lat")
    original = gated.insert

    async def insert(table: str, rows: bytes, form: str = "JSONEachRow") -> None:
        if table.endswith(".location_events") and not word.until.get(("altered", 0)):
            raise refusals
        await original(table, rows, form)

    gated.insert = insert  # type: ignore[method-assign]
    first, second, third = (batch_of(*[location()] * 20, first=20 * n) for n in range(3))
    await ingest.accept(first, acks.of(first))
    await _held(ingest)
    assert ingest.waits(TOPIC, 7), "nothing of it can be stored: it is not stalled"
    assert not ingest.waits("openride.events.user", 3)
    for batch in (second, third):
        await asyncio.wait_for(ingest.accept(batch, acks.of(batch)), DEADLINE_S)
    assert word.paused == {(TOPIC, 3)}
    (reason,) = ingest.parking.reasons()
    assert "ClickHouse refuses every row of location_events (column lat, code 16). Mend the cause" in reason
    word.until["altered", 0] = 1
    await acks.until(3)
    assert await stored(gated) == list(range(60))
    assert (letters.published, word.paused, ingest.parking.reasons()) == ([], set(), [])


async def _held(ingest: Ingest) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while ingest.sink.held("location_events") is None:  # noqa: ASYNC110  # the sink tells nobody
            await asyncio.sleep(0.01)


async def test_an_operator_may_let_refused_rows_become_dead_letters(
    ingest: Ingest, gated: GatedStore, letters: Letters, acks: Acks, word: Word
) -> None:
    original = gated.insert

    async def insert(table: str, rows: bytes, form: str = "JSONEachRow") -> None:
        if table.endswith(".location_events"):
            message = "Code: 16. No such column lat"
            raise StoreRefused(message, 16, "lat")
        await original(table, rows, form)

    gated.insert = insert  # type: ignore[method-assign]
    first, second = batch_of(*[location()] * 20), batch_of(*[location()] * 20, first=20)
    await ingest.accept(first, acks.of(first))
    await _held(ingest)
    await ingest.accept(second, acks.of(second))
    assert acks.done == []
    word.until[TOPIC, 3] = 40
    await acks.until(2)
    assert [reject.record.offset for reject in letters.published] == list(range(40))
    assert (word.paused, ingest.parking.reasons()) == (set(), [])


async def test_bad_records_wait_while_the_table_of_dead_letters_is_held(
    ingest: Ingest, gated: GatedStore, letters: Letters, acks: Acks, word: Word
) -> None:
    """Nothing of them could be acked: read on, they would fill the memory."""
    original = gated.insert
    broken = True

    async def insert(table: str, rows: bytes, form: str = "JSONEachRow") -> None:
        if broken and table.endswith(".dead_letters"):
            message = "Code: 60. Table does not exist"
            raise StoreUnavailable(message)
        await original(table, rows, form)

    gated.insert = insert  # type: ignore[method-assign]
    first = batch_of(b"{", location())
    await ingest.accept(first, acks.of(first))
    offset = 2
    async with asyncio.timeout(DEADLINE_S):
        while ingest.sink.held("dead_letters") is None:
            good = batch_of(location(), first=offset)
            await ingest.accept(good, acks.of(good))
            await acks.until(offset - 1)
            offset += 1
    second = batch_of(b"{", location(), first=offset)
    await ingest.accept(second, acks.of(second))
    assert len(letters.published) == 1
    assert word.paused == {(TOPIC, 3)}
    (reason,) = ingest.parking.reasons()
    assert "ClickHouse takes no rows of dead_letters: Code: 60" in reason
    broken = False
    await acks.until(offset)
    assert (len(letters.published), word.paused) == (2, set())


class Changelog:
    """Live tables whose writes are acknowledged by hand."""

    def __init__(self) -> None:
        self.unwritten: list[Any] = []

    async def apply(self, batch: RecordBatch, rows: Sequence[Mapping[str, Any]], owe: Any) -> None:
        assert batch.topic == TOPIC
        if rows:
            self.unwritten.append(owe())


async def test_a_batch_is_acked_when_the_changelog_of_the_live_tables_has_it_as_well(
    ingest: Ingest, gated: GatedStore, acks: Acks
) -> None:
    live = ingest.live = Changelog()
    batch = batch_of(location(), location())
    await ingest.accept(batch, acks.of(batch))
    assert await ingest.sink.drain(DEADLINE_S)
    assert await stored(gated) == [0, 1]
    assert acks.done == []
    (written,) = live.unwritten
    written()
    assert acks.done == [0]
    only_bad = batch_of(b"{", first=2)
    await ingest.accept(only_bad, acks.of(only_bad))
    await acks.until(2)


def told(ingest: Ingest, name: str, **labels: str) -> float:
    """What a metric says now; 0 when it has not been heard of."""
    return ingest.metrics.registry.get_sample_value(f"openride_{name}", labels) or 0


async def test_the_metrics_of_a_batch_move_by_what_they_say(
    ingest: Ingest, gated: GatedStore, acks: Acks
) -> None:
    gated.open_gate.clear()
    good = batch_of(location(), location(), location())
    await ingest.accept(good, acks.of(good))
    assert told(ingest, "decode_seconds_count") == 1
    assert (told(ingest, "batch_records_count"), told(ingest, "batch_records_sum")) == (1, 3)
    assert told(ingest, "unacked_rows") == 3
    assert told(ingest, "batch_durable_seconds_count") == 0, "it waits for the store"
    await asyncio.sleep(0.05)
    gated.open_gate.set()
    assert await ingest.sink.drain(DEADLINE_S)
    table = {"table": "location_events"}
    assert told(ingest, "batch_durable_seconds_count") == 1
    assert told(ingest, "batch_durable_seconds_sum") >= 0.05
    assert told(ingest, "rows_inserted_total", **table) == 3
    assert (told(ingest, "flush_rows_count", **table), told(ingest, "flush_rows_sum", **table)) == (1, 3)
    assert told(ingest, "flush_duration_seconds_count", **table) == 1
    assert told(ingest, "unacked_rows") == 0
    assert told(ingest, "rejects_total", topic=TOPIC, error="MalformedJson") == 0

    bad = batch_of(location(), b"{", location(lat=91), b"[]", first=3)
    await ingest.accept(bad, acks.of(bad))
    assert await ingest.sink.drain(DEADLINE_S)
    assert told(ingest, "records_read_total", topic=TOPIC) == 7
    assert told(ingest, "events_accepted_total", topic=TOPIC) == 4
    assert told(ingest, "rejects_total", topic=TOPIC, error="InvalidField") == 1
    assert told(ingest, "rejects_total", topic=TOPIC, error="MalformedJson") == 1
    assert told(ingest, "rejects_total", topic=TOPIC, error="NotAnObject") == 1
    assert (told(ingest, "batch_records_count"), told(ingest, "batch_records_sum")) == (2, 7)
    assert told(ingest, "batch_durable_seconds_count") == told(ingest, "decode_seconds_count") == 2
    assert told(ingest, "rows_inserted_total", **table) == told(ingest, "flush_rows_sum", **table) == 4
    assert told(ingest, "rows_inserted_total", table="dead_letters") == 3


async def test_the_metrics_of_trouble_say_so_while_it_lasts(
    ingest: Ingest, gated: GatedStore, acks: Acks, word: Word
) -> None:
    gated.away = True
    batch = batch_of(location())
    await ingest.accept(batch, acks.of(batch))
    async with asyncio.timeout(DEADLINE_S):
        while not told(ingest, "store_retries_total", reason="insert"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert told(ingest, "store_available") == 0
    gated.away = False
    await acks.until(1)
    assert told(ingest, "store_available") == 1
    bad = batch_of(*[b"{"] * 12, first=1)
    await ingest.accept(bad, acks.of(bad))
    assert told(ingest, "paused_partitions") == 1
    assert told(ingest, "records_read_total", topic=TOPIC) == 1, "what waits has not been taken"
    word.until[TOPIC, 3] = 13
    await acks.until(2)
    assert told(ingest, "paused_partitions") == 0
    assert told(ingest, "records_read_total", topic=TOPIC) == 13

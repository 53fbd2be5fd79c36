import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from openride_stream.events.topics import TOPICS
from openride_stream.replay.demo import HEAD_START_MS, LONGEST_GAP_MS, Demo, Diary
from openride_stream.replay.dressing import Roughness
from openride_stream.replay.recordlog import RecordLog
from openride_stream.replay.run import Outlet
from openride_stream.replay.story import rfc3339
from openride_stream.replay.trips import read_trips
from openride_stream.settings import Settings
from tests.fixtures.broker import EmbeddedBroker
from tests.fixtures.clock import ManualClock
from tests.replay.test_sender import create

DEADLINE_S = 60.0
DAY_S = 86_400


class Session:
    """A demonstration that runs in the background, on a clock that a test moves."""

    def __init__(
        self, settings: Settings, clock: ManualClock, log: RecordLog, max_records: int = 10**6
    ) -> None:
        self.stop = asyncio.Event()
        outlet = Outlet(None, log, self.stop)
        self.demo = Demo(
            settings,
            clock,
            outlet,
            read_trips(limit=200),  # about a day, which is then a turn of the wheel
            roughness=Roughness(),
            reminder_share=0.5,
            max_records=max_records,
        )
        self.clock = clock
        self.live = False  # whether time goes on, much faster than real
        self.path = settings.data_dir / "replay.json"
        self.task = asyncio.create_task(self.demo.run())

    async def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not true():
            assert time.monotonic() < deadline
            assert not self.task.done()
            await asyncio.sleep(0.01)
            if self.live:
                self.clock.advance(30)

    async def until_sent(self, ms: int) -> None:
        await self.until(lambda: (Diary.read(self.path) or Diary(1, 0, 0)).sent_until_ms >= ms)

    async def end(self) -> None:
        self.stop.set()
        await self.task


@pytest.fixture
def broker(start_broker: Callable[[], EmbeddedBroker]) -> EmbeddedBroker:
    return start_broker()


@pytest.fixture
def settings(broker: EmbeddedBroker, tmp_path: Path) -> Settings:
    return Settings(kafka_bootstrap_servers=broker.bootstrap, data_dir=tmp_path / "folder")


@pytest.fixture
async def topics(broker: EmbeddedBroker) -> list[str]:
    names = [topic.name for topic in TOPICS]
    await create(broker.bootstrap, names)
    return names


def sent(path: Path) -> list[tuple[str, str, int]]:
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    return [(line["topic"], line["value"], line["timestamp"]) for line in lines]


@pytest.mark.usefixtures("topics")
async def test_goes_on_where_it_stopped_and_tells_nothing_from_the_future(
    settings: Settings, clock: ManualClock, tmp_path: Path
) -> None:
    end_ms = clock.ms
    with RecordLog(tmp_path / "first.jsonl") as log:
        first = Session(settings, clock, log)
        await first.until_sent(end_ms - HEAD_START_MS)
        first.live = True
        await first.until_sent(end_ms + 3_000_000)
        await first.end()
    with RecordLog(tmp_path / "second.jsonl") as log:
        clock.advance(3600)
        second = Session(settings, clock, log)
        second.live = True
        await second.until_sent(clock.ms + 1_000_000)
        await second.end()

    one, two = sent(tmp_path / "first.jsonl"), sent(tmp_path / "second.jsonl")
    before = {value for _, value, _ in one}
    assert len(one) == len(before)
    assert any(value not in before for _, value, _ in two)
    events = [orjson.loads(value) for _, value, _ in one + two]
    routes = {event["route_id"] for event in events if event["event_type"] == "route.created"}
    assert {event["route_id"] for event in events if event["event_type"] == "booking.created"} <= routes
    for _, value, timestamp in one + two:
        event = orjson.loads(value)
        moment = event.get("event_timestamp") or event["started_processing_at"]
        assert moment <= rfc3339(timestamp)


@pytest.mark.usefixtures("topics")
async def test_stays_silent_once_the_broker_bears_no_more(
    settings: Settings, clock: ManualClock, tmp_path: Path
) -> None:
    path, most = tmp_path / "sent.jsonl", 3000
    with RecordLog(path) as log:
        session = Session(settings, clock, log, max_records=most)
        await session.until_sent(clock.ms - HEAD_START_MS)
        session.live = True
        await session.until(lambda: session.demo.sent >= most)
        clock.advance(DAY_S)
        await session.end()
    assert len(sent(path)) == most


async def test_waits_for_the_topics_and_survives_a_restart_of_the_broker(
    settings: Settings, clock: ManualClock, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openride_stream.replay.demo.RECONNECT_S", 0.05)
    end_ms = clock.ms
    with RecordLog(None) as log:
        session = Session(settings, clock, log)
        await create(broker.bootstrap, [topic.name for topic in TOPICS])
        await session.until_sent(end_ms - HEAD_START_MS)
        broker.restart()
        await create(broker.bootstrap, [topic.name for topic in TOPICS])
        session.live = True
        await session.until_sent(end_ms + 6_600_000)
        await session.end()


def test_a_gap_that_is_too_long_is_left_out_and_rides_begin_anew_after_it() -> None:
    diary = Diary(1, 1_000, 1_000, 5_000)
    now_ms = 5_000 + LONGEST_GAP_MS * 3
    assert diary.resumed(5_000 + LONGEST_GAP_MS) == diary
    resumed = diary.resumed(now_ms)
    assert (resumed.begin_ms, resumed.sent_until_ms) == (now_ms - LONGEST_GAP_MS,) * 2


def test_a_diary_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "replay.json"
    assert Diary.read(path) is None
    Diary(1, 2, 3, 4).write(path)
    assert Diary.read(path) == Diary(1, 2, 3, 4)
    path.write_text('{"seed": 1}')
    assert Diary.read(path) is None

"""Faults that chance would not find often enough, each on a stage of its own."""

import asyncio
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openride_stream.events.topics import TOPICS
from openride_stream.replay.parcels import Parcel
from tests.e2e.cluster import openride
from tests.faults.play import Play
from tests.faults.schedule import Schedule, Step
from tests.faults.stage import OneBroker, Stage
from tests.faults.stream import make_stream
from tests.fixtures.broker import EmbeddedBroker, made_again
from tests.reference.moments import DAY_MS

pytestmark = [pytest.mark.faults, pytest.mark.timeout(420)]

STOP_S = 10.0
QUIET = Schedule(0, 1.0, ())
BOOKINGS = "openride.events.booking"
LONG = pytest.mark.skipif(not os.environ.get("OPENRIDE_FAULTS_LONG"), reason="minutes; `make faults` runs it")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(tmp_path / "broker.log").start()
    yield made
    made.stop()


@pytest.fixture
def play(tmp_path: Path, broker: EmbeddedBroker) -> Iterator[Play]:
    stage = Stage(tmp_path, OneBroker(broker))
    yield Play(stage)
    stage.stop()


def stream(seed: int) -> list[Parcel]:
    end_ms = int(time.time() * 1000) // DAY_MS * DAY_MS - 3_600_000
    return make_stream(seed, end_ms, {topic.table: 400 for topic in TOPICS} | {"schedule_analytics": 90})


def anonymous(count: int) -> list[Parcel]:
    """Bookings that carry no event_id: who they are follows from where they stand in the log."""
    found: list[Parcel] = []
    for parcel in stream(1):
        if parcel.topic == BOOKINGS and parcel.event_id and not parcel.bad and not parcel.duplicate_of:
            body = json.loads(parcel.value or b"")
            del body["event_id"]
            found.append(parcel._replace(value=json.dumps(body).encode(), event_id=None))
    assert len(found) >= count
    return found[:count]


def asked(play: Play, sql: str) -> Any:
    statement = sql.format(database=play.stage.settings.clickhouse_database) + " FORMAT JSONCompact"
    return json.loads(play.stage.clickhouse.query(statement))["data"]


def retries(play: Play) -> float:
    """Inserts that the first worker has tried again."""
    with urllib.request.urlopen(f"{play.stage.workers[0].url}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("openride_store_retries_total{"))


# Code 395 says nothing of the rows; code 6 (a text that is no number) is one that a bad row has as well.
@pytest.mark.parametrize(
    "expression",
    [pytest.param("throwIf(1, 'no more')", marks=LONG), "toUInt8(concat('x', toString(offset)))"],
    ids=["a view throws", "a view fails as a bad row does"],
)
def test_a_view_that_fails_behind_an_insert_holds_rows_up_and_loses_none(play: Play, expression: str) -> None:
    play.stage.start(workers=1)
    database = play.stage.settings.clickhouse_database
    play.stage.clickhouse.query(
        f"CREATE MATERIALIZED VIEW {database}.failing ENGINE = MergeTree ORDER BY tuple() AS "
        f"SELECT {expression} AS broken FROM {database}.booking_events"
    )

    async def mend() -> None:
        await asyncio.to_thread(play.stage.wait_for, lambda: not play.stage.workers[0].ready(), "trouble")
        await asyncio.to_thread(
            play.stage.wait_for, lambda: retries(play) >= 3, "retries, each storing the rows"
        )
        play.stage.clickhouse.query(f"DROP VIEW {database}.failing")

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(mend())
            tasks.create_task(play.perform(Schedule(0, 3.0, ()), stream(11)))

    asyncio.run(run())
    assert play.judge(int(time.time() * 1000)) == []


@LONG
def test_a_store_that_accepts_and_reports_failures_doubles_nothing(play: Play) -> None:
    play.stage.start(workers=2)
    steps = (Step(0.0, "store accepts and fails", 6.0, 0), Step(1.0, "worker killed", 0.5, 0))
    assert play.run(Schedule(0, 7.0, steps), stream(12)) == []
    assert audited(play) == 0


def audited(play: Play) -> int:
    """How many offsets `openride audit` misses; reading every record again, as `--deep` does."""
    command = [*openride("audit"), "--deep", "--json"]
    done = subprocess.run(command, env=play.stage.env, capture_output=True, timeout=120, check=False)
    return int(json.loads(done.stdout)["missing"])


def test_neither_a_topic_made_again_nor_an_empty_broker_repeats_an_identity(
    play: Play, broker: EmbeddedBroker
) -> None:
    play.stage.start(workers=2)
    events = anonymous(12)
    assert play.run(QUIET, events) == []

    end_all(play)
    asyncio.run(made_again(play.stage.broker.bootstrap, BOOKINGS))
    start_all(play)
    assert play.run(QUIET, events) == []

    # As the supervisor of the embedded stack does: who depends on a broker that died starts anew with it.
    end_all(play)
    broker.restart()
    subprocess.run(openride("migrate"), env=play.stage.env, check=True, timeout=120)
    start_all(play)
    assert play.run(QUIET, [*events, *stream(13)[:300]]) == []
    assert identities(play) >= 36


@LONG
def test_a_worker_whose_topic_is_made_again_reads_it_from_its_beginning(play: Play) -> None:
    """It stands in a log that is no more, and notices after its stall time-out."""
    play.stage.start(workers=2)
    events = anonymous(12)
    assert play.run(QUIET, events) == []
    asyncio.run(made_again(play.stage.broker.bootstrap, BOOKINGS))
    play.new_log()
    assert play.run(QUIET, events) == []
    assert identities(play) == 24


def end_all(play: Play) -> None:
    for worker in play.stage.workers:
        worker.end(signal.SIGKILL)


def start_all(play: Play) -> None:
    for worker in play.stage.workers:
        worker.start()
    play.new_log()


def identities(play: Play) -> int:
    ((count,),) = asked(play, "SELECT uniqExact(event_id) FROM {database}.booking_events FINAL")
    return int(count)


def test_a_stop_under_load_is_quick_and_leaves_nothing_to_be_read_again(play: Play) -> None:
    play.stage.start(workers=1)
    (worker,) = play.stage.workers
    play.stage.replay("--max", "--limit", "400")
    play.stage.wait_for(
        lambda: int(asked(play, "SELECT count() FROM {database}.location_events")[0][0]), "rows"
    )
    began_s = time.monotonic()
    assert worker.end(signal.SIGTERM) == 0
    assert time.monotonic() - began_s < STOP_S
    behind = asyncio.run(play.stage.lag())
    committed = {(part.topic, part.partition): part.committed or 0 for part in behind}
    assert sum(part.lag for part in behind) > 0, "it was stopped when it was idle: not under load"
    stored: dict[tuple[str, int], int] = {}
    for table in {topic.table for topic in TOPICS}:
        for topic, partition, last in asked(
            play, f"SELECT topic, partition, max(offset) FROM {{database}}.{table} GROUP BY ALL"
        ):
            stored[topic, partition] = max(int(last), stored.get((topic, partition), -1))
    assert {place: last for place, last in stored.items() if last >= committed[place]} == {}


@LONG
def test_a_broker_that_is_away_for_a_minute_is_waited_for(play: Play) -> None:
    play.stage.start(workers=3)
    assert play.run(Schedule(0, 10.0, (Step(3.0, "broker away", 60.0, 0),)), stream(14)) == []

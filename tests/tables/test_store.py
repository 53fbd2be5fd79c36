"""Live facts on disk: a start goes on with them, and what cannot be used is thrown away and read again."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import SystemClock
from openride_stream.kafka.admin import open_admin
from openride_stream.kafka.changelog import LIVE_TOPIC
from openride_stream.kafka.changelog_reader import ChangelogReader
from openride_stream.kafka.places import LogPlace
from openride_stream.kafka.topics import create_topics
from openride_stream.settings import Settings
from tables import saving
from tables.live import LiveTables
from tables.series import DRIVERS, EVENTS, HOUR_MS, RIDERS, Facts, Series, made
from tables.sightings import Sightings
from tables.store import FactStore, Saved, StoreLostError
from tests.fixtures.tracing import untraced
from tests.tables.test_live import DEADLINE_S, apply, opened, until, until_known

NOW_MS = SystemClock().now_ms()
LIVE_MS = 6 * HOUR_MS
LAYOUT = {"partitions": 3, "hours": 6}


def facts(series: Series, *ids: int, at_ms: int = NOW_MS) -> Facts:
    columns = {name: np.ones(len(ids)) for name, _ in series.columns}
    return made(series, np.array(ids, np.uint64), np.full(len(ids), at_ms, np.int64), **columns)


def saved(offset: int, at_ms: int = NOW_MS) -> Saved:
    return Saved(at_ms, NOW_MS - 5, {0: LogPlace(offset, NOW_MS, 7), 1: LogPlace(0), 2: LogPlace(4)})


def held(store: FactStore) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for part in store.facts():
        for series, of_part in part.items():
            found.setdefault(series.name, set()).update(of_part["id"].tolist())
    return found


def test_what_was_written_is_there_again_with_its_place_and_old_facts_go(tmp_path: Path) -> None:
    store = FactStore(tmp_path / "live" / "1", LAYOUT, LIVE_MS)
    assert store.open() is None
    store.write(
        [{DRIVERS: facts(DRIVERS, 1, 2)}, {DRIVERS: facts(DRIVERS, 2, 3), RIDERS: facts(RIDERS, 9)}], saved(5)
    )
    store.write([{EVENTS: facts(EVENTS, 4)}], saved(6))
    store.close()
    again = FactStore(tmp_path / "live" / "1", LAYOUT, LIVE_MS)
    assert again.open() == saved(6)
    assert held(again) == {"drivers": {1, 2, 3}, "riders": {9}, "events": {4}}
    later_ms = NOW_MS + 120_000
    again.write([], saved(7, later_ms))
    later_ms += HOUR_MS
    # Of a producer that stamps microseconds: no live table remembers it, and it keeps nothing else here.
    never = facts(DRIVERS, 7, at_ms=later_ms * 1000)
    again.write([{DRIVERS: facts(DRIVERS, 8, at_ms=later_ms)}, {DRIVERS: never}], saved(8, later_ms))
    again.close()
    assert again.open() == saved(8, later_ms)
    assert held(again) == {"drivers": {8}}


@pytest.mark.parametrize("change", [{"partitions": 8}, {"hours": 12}, {"more": 1}])
def test_a_store_of_another_layout_is_thrown_away(tmp_path: Path, change: dict[str, int]) -> None:
    store = FactStore(tmp_path / "live", LAYOUT, LIVE_MS)
    store.open()
    store.write([{DRIVERS: facts(DRIVERS, 1)}], saved(5))
    store.close()
    other = FactStore(tmp_path / "live", LAYOUT | change, LIVE_MS)
    assert other.open() is None
    assert held(other) == {}


def test_a_store_that_another_worker_writes_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "live" / "1"
    first, second = FactStore(folder, LAYOUT, LIVE_MS), FactStore(folder, LAYOUT, LIVE_MS)
    first.open()
    first.write([{DRIVERS: facts(DRIVERS, 1)}], saved(5))
    with pytest.raises(StoreLostError, match="OPENRIDE_DATA_DIR"):
        second.open()
    first.write([{DRIVERS: facts(DRIVERS, 2)}], saved(6))
    first.close()
    assert second.open() == saved(6)
    assert held(second) == {"drivers": {1, 2}}
    second.close()


def damage(folder: Path, suffix: str) -> None:
    """Change some bytes in the middle of each file of a kind."""
    files = [*folder.glob(f"*{suffix}")]
    assert files
    for path in files:
        body = bytearray(path.read_bytes())
        middle = len(body) // 2
        body[middle : middle + 64] = os.urandom(min(64, len(body) - middle))
        path.write_bytes(body)


def flushed(store: FactStore) -> None:
    assert store._db is not None
    store._db.flush()


def test_a_damaged_store_says_so_or_is_that_of_before(tmp_path: Path) -> None:
    def made_anew(suffix: str) -> tuple[FactStore, Path]:
        folder = tmp_path / suffix
        store = FactStore(folder, LAYOUT, LIVE_MS)
        store.open()
        for number in range(4):
            ids = range(number * 5_000, (number + 1) * 5_000)
            store.write([{DRIVERS: facts(DRIVERS, *ids)}], saved(number + 1))
        if suffix == ".sst":
            flushed(store)
        store.close()
        damage(folder, suffix)
        return store, folder

    table, _ = made_anew(".sst")
    if table.open() is not None:
        with pytest.raises(StoreLostError):
            held(table)
    for suffix in (".log", "CURRENT"):
        store, _ = made_anew(suffix)
        was = store.open()
        places = was.places[0].offset if was else 0
        assert held(store).get("drivers", set()) == {*range(places * 5_000)}, (
            "facts and place belong together"
        )
        store.close()


WRITER = """
import sys
import textwrap
from pathlib import Path
from tests.tables.test_store import DRIVERS, LAYOUT, LIVE_MS, FactStore, facts, saved
store = FactStore(Path(sys.argv[1]), LAYOUT, LIVE_MS)
store.open()
print("open", flush=True)
number = 0
while True:
    store.write([{DRIVERS: facts(DRIVERS, *range(number * 500, (number + 1) * 500))}], saved(number + 1))
    number += 1
    print(number, flush=True)
"""


def writing(folder: Path, program: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        env=untraced(os.environ) | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_writer_that_is_killed_leaves_facts_and_place_that_belong_together(tmp_path: Path) -> None:
    with writing(tmp_path / "live", WRITER) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        for _ in range(20):
            told = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        whole_lines = [line for line in child.stdout if line.endswith("\n")]
        told = int(whole_lines[-1]) if whole_lines else told
    store = FactStore(tmp_path / "live", LAYOUT, LIVE_MS)
    was = store.open()
    assert was is not None
    number = was.places[0].offset
    assert number >= told, "what was written is not lost"
    assert held(store) == {"drivers": {*range(number * 500)}}


FULL = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
try:
{textwrap.indent(WRITER, "    ")}
except Exception as error:
    print(type(error).__name__, flush=True)
"""


def test_a_disk_that_is_full_is_told_of_and_what_is_there_belongs_together(tmp_path: Path) -> None:
    with writing(tmp_path / "live", FULL) as child:
        out, err = child.communicate(timeout=DEADLINE_S)
    assert out.split()[-1] == "StoreLostError", (out[-200:], err[-2000:])
    store = FactStore(tmp_path / "live", LAYOUT, LIVE_MS)
    was = store.open()
    number = was.places[0].offset if was else 0
    assert held(store).get("drivers", set()) == {*range(number * 500)}


@pytest.fixture
async def settings(fresh_kafka: str, tmp_path: Path) -> Settings:
    made_for = Settings(
        kafka_bootstrap_servers=fresh_kafka, topic_partitions=3, live_store="rocksdb", data_dir=tmp_path
    )
    await create_topics(made_for)
    return made_for


@pytest.fixture(autouse=True)
def nothing_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(store: ClickHouse, now_ms: int, live_ms: int) -> Sightings:
        return {}

    monkeypatch.setattr("tables.live.refilled", nothing)
    monkeypatch.setattr(saving, "_INTERVAL_S", 0.0)


@pytest.fixture
def rows_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each read of a changelog handed out."""
    found: list[int] = []
    read = ChangelogReader.read

    async def counted(self: ChangelogReader, timeout_s: float) -> list[bytes]:
        rows = await read(self, timeout_s)
        found.append(len(rows))
        return rows

    monkeypatch.setattr(ChangelogReader, "read", counted)
    return found


async def whole(live: LiveTables) -> None:
    await until(lambda: live.trouble(SystemClock().now_ms()) is None)


async def test_a_start_reads_only_what_came_since(settings: Settings, rows_read: list[int]) -> None:
    async with opened(settings) as live:
        await apply(live, 7)
        await until_known(live, 7)
        await whole(live)
    elsewhere = settings.model_copy(update={"live_store": "memory"})
    async with opened(elsewhere) as other:
        await apply(other, 9)
    rows_read.clear()
    async with opened(settings) as again:
        await until_known(again, 9)
        await whole(again)
        assert sum(rows_read) == 1, "the row of before is on disk"
    rows_read.clear()
    async with opened(elsewhere) as all_of_it:
        await until_known(all_of_it, 9)
        assert sum(rows_read) == 2


async def test_another_log_is_read_from_its_beginning(settings: Settings) -> None:
    async with opened(settings) as live:
        await apply(live, 9)
        await until_known(live, 9)
    async with open_admin(settings) as admin:
        await admin.delete_topics([LIVE_TOPIC])
    await create_topics(settings)
    elsewhere = settings.model_copy(update={"live_store": "memory"})
    async with opened(elsewhere) as other:
        for _ in range(4):  # longer than the log of before, in each partition
            await apply(other, 3)
    async with opened(settings) as live:
        await until_known(live, 3)
        await whole(live)
        assert live.figures(SystemClock().now_ms(), "NGN").active_drivers == 3


async def test_a_damaged_store_and_a_folder_that_takes_nothing_cost_no_worker(
    settings: Settings, tmp_path: Path
) -> None:
    async with opened(settings) as live:
        await apply(live, 7)
        await until_known(live, 7)
        store = live._saving._store if live._saving else None
        assert store is not None
        flushed(store)
        folder = store.folder
    damage(folder, ".sst")
    async with opened(settings) as live:
        await until_known(live, 7)
        await whole(live)
    nowhere = tmp_path / "a file"
    nowhere.write_text("no folder")
    async with opened(settings.model_copy(update={"data_dir": nowhere})) as live:
        await until_known(live, 7)
        await whole(live)


def test_a_store_that_is_not_installed_is_refused_by_the_setting_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openride_stream.settings.flow.find_spec", lambda name: None)
    with pytest.raises(ValidationError, match="live_store"):
        Settings(_env_file=None, live_store="rocksdb")

"""What becomes of exports when workers die, users change their minds, or have had their share."""

import asyncio
import os
import signal
from typing import Any

import pytest

from openride_stream.settings import Settings
from tests.exports.conftest import Desk, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Eight thousand million rows, none of which are kept.
LONG = (
    "SELECT sum(cityHash64(a, b, c)) AS s FROM (SELECT arrayJoin(range(2000)) AS a) AS x, "
    "(SELECT arrayJoin(range(2000)) AS b) AS y, (SELECT arrayJoin(range(2000)) AS c) AS z"
)


async def writers() -> list[int]:
    """The writing processes of this test process."""
    children = f"/proc/self/task/{os.getpid()}/children"
    with open(children) as file:  # noqa: ASYNC230 - of the kernel
        pids = [int(pid) for pid in file.read().split()]
    found = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: ASYNC230
                if b"openride_stream.exports.writing" in file.read():
                    found.append(pid)
        except OSError:
            continue
    return found


async def begun(desk: Desk, export_id: str) -> int:
    """The process that writes the export, once the worker says that it does."""
    pids: list[int] = []

    async def writing() -> bool:
        pids[:] = await writers()
        return bool(pids) and (await desk.status(export_id))["status"] == "processing"

    await until(writing)
    return pids[0]


async def test_a_cancelled_export_ends_its_process_and_its_query(desk: Desk) -> None:
    export_id = await desk.ask(LONG)
    running = asyncio.create_task(desk.runner().write_waiting())
    await begun(desk, export_id)
    await desk.call("DELETE", export_id, status=204)
    await asyncio.wait_for(running, 10)
    assert (await desk.status(export_id))["status"] == "cancelled"
    assert await writers() == []
    store = desk.site.runtime.store

    async def ended() -> bool:
        sql = "SELECT count() AS n FROM system.processes WHERE position(query, 'range(2000)') > 0"
        return (await store.select(f"{sql} AND position(query, 'processes') = 0"))[0]["n"] == 0

    await until(ended)
    assert not list((desk.settings.data_dir / "exports").glob(f"{export_id}*"))


async def test_an_export_of_a_worker_that_died_is_taken_over(desk: Desk) -> None:
    export_id = await desk.ask("SELECT count() AS n FROM trip_events")
    jobs, clock = desk.site.runtime.exports.jobs, desk.site.runtime.clock
    assert await jobs.claim("dead", 30) is not None
    await desk.runner("worker-2").write_waiting()
    assert (await desk.status(export_id))["status"] == "processing"  # its lease may still be renewed
    clock.advance(31)
    await desk.runner("worker-2").write_waiting()
    status = await desk.status(export_id)
    assert (status["status"], status["attempts"], status["rows"]) == ("completed", 2, 1)


async def test_one_that_workers_die_of_fails_with_a_reason(desk: Desk) -> None:
    export_id = await desk.ask("SELECT 1 AS a")
    jobs, clock = desk.site.runtime.exports.jobs, desk.site.runtime.clock
    for worker in ("first", "second"):
        assert (await jobs.claim(worker, 30)) is not None
        clock.advance(31)
    await desk.runner().write_waiting()
    status = await desk.status(export_id)
    assert (status["status"], status["error"]) == (
        "failed",
        "2 workers ended while they wrote it, last second",
    )


async def test_a_worker_that_was_taken_over_changes_nothing_any_more(desk: Desk) -> None:
    export_id = await desk.ask("SELECT 1 AS a")
    jobs, clock = desk.site.runtime.exports.jobs, desk.site.runtime.clock
    slow = await jobs.claim("slow", 30)
    assert slow is not None
    clock.advance(31)
    assert await jobs.claim("quick", 30) is not None
    assert not await jobs.progress(slow, 30, 5, 5)
    assert not await jobs.complete(slow, 5, 5)
    assert not await jobs.fail(slow, "no")
    await desk.call("DELETE", export_id, status=204)


async def test_a_worker_that_stops_gives_its_export_back(desk: Desk) -> None:
    export_id = await desk.ask(LONG)
    running = asyncio.create_task(desk.runner().run())
    await begun(desk, export_id)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await writers() == []
    status = await desk.status(export_id)
    assert (status["status"], status["attempts"]) == ("pending", 0)
    await desk.call("DELETE", export_id, status=204)


async def test_a_writing_process_that_is_killed_is_tried_once_more_then_fails(desk: Desk) -> None:
    export_id = await desk.ask(LONG)
    clock = desk.site.runtime.clock
    for _ in range(2):
        running = asyncio.create_task(desk.runner().write_waiting())
        os.kill(await begun(desk, export_id), signal.SIGKILL)
        await asyncio.wait_for(running, 10)
        clock.advance(31)
    status = await desk.status(export_id)
    assert status["status"] == "failed"
    assert "ended with -9" in status["error"]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"exports_query_timeout_s": 0.3}, "EXPORTS_QUERY_TIMEOUT_S"),
        ({"exports_query_memory_bytes": 2 * 1024**2}, "EXPORTS_QUERY_MEMORY_BYTES"),
        ({"exports_file_bytes": 1024}, "larger than 1,024 bytes"),
    ],
)
async def test_an_export_that_takes_too_much_fails_and_says_of_what(
    desk: Desk, limit: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded: Settings = desk.settings.model_copy(update=limit)
    monkeypatch.setattr(desk.site.runtime.exports, "_settings", bounded)
    query = "SELECT arrayJoin(range(1000)) AS n" if "file" in str(limit) else LONG
    if "memory" in str(limit):
        query = "SELECT groupArray(toString(n)) AS all FROM (SELECT arrayJoin(range(1000000)) AS n)"
    export_id = await desk.ask(query)
    await desk.runner(settings=bounded).write_waiting()
    status = await desk.status(export_id)
    assert status["status"] == "failed"
    assert said in status["error"]


async def test_a_user_has_so_many_at_once_and_so_many_bytes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await desk.ask("SELECT 1 AS a", who="ben") for _ in range(3)]
    assert "ACTIVE_PER_USER" in await desk.ask("SELECT 1 AS a", who="ben", status=429)
    other = await desk.ask("SELECT 1 AS a")  # somebody else's share is their own
    await desk.runner().write_waiting()
    full = desk.settings.model_copy(update={"exports_bytes_per_user": 10})
    monkeypatch.setattr(desk.site.runtime.exports, "_settings", full)
    assert "BYTES_PER_USER" in await desk.ask("SELECT 1 AS a", who="ben", status=429)
    for export_id in made:
        await desk.call("DELETE", export_id, "ben", 204)
    made = [await desk.ask("SELECT 1 AS a", who="ben")]
    for export_id in (*made, other):
        await desk.call("DELETE", export_id, "root", 204)


async def test_files_go_when_their_time_is_over_and_so_does_what_dead_workers_left(desk: Desk) -> None:
    export_id = await desk.ask("SELECT 1 AS a")
    await desk.runner().write_waiting()
    folder = desk.settings.data_dir / "exports"
    orphan, foreign, young = (
        folder / "00000000-0000-4000-8000-000000000001.1.part",
        folder / "notes.txt",
        folder / "00000000-0000-4000-8000-000000000002.csv",
    )
    (orphan / "tmp").mkdir(parents=True)
    for path in (foreign, young):
        path.write_text("x")
    for path in (orphan, foreign):
        os.utime(path, (0, 0))
    await desk.runner().clear()
    assert (folder / f"{export_id}.csv").exists()
    assert (orphan.exists(), foreign.exists(), young.exists()) == (False, True, True)
    desk.site.runtime.clock.advance(72 * 3600 + 1)
    await desk.runner().clear()
    assert not (folder / f"{export_id}.csv").exists()
    await desk.call("GET", f"{export_id}/status", status=404)

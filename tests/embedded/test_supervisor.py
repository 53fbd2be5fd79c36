import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from openride_stream.clock import SystemClock
from openride_stream.embedded.keeper import Backoff, ChildSpec, News, StartFailed
from openride_stream.embedded.supervisor import Stages, Supervisor
from tests.embedded.processes import DEADLINE_S, IGNORE_SIGTERM, SLEEP, is_running, python, wait_until

QUICK = Backoff(first_s=0.05, longest_s=0.2)


class Chronicle:
    """What a supervisor told, with waiting for more of it."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self._grew = asyncio.Event()

    def __call__(self, news: News) -> None:
        self.news.append(news)
        self._grew.set()

    def told(self, name: str, what: str) -> list[News]:
        return [news for news in self.news if (news.name, news.what) == (name, what)]

    async def wait_for(self, name: str, what: str, times: int = 1) -> News:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.told(name, what)) < times:
                self._grew.clear()
                await self._grew.wait()
        return self.told(name, what)[times - 1]

    def pid(self, name: str) -> int:
        return self.told(name, "starting")[-1].pid


@asynccontextmanager
async def running(stages: Stages, tmp_path: Path) -> AsyncIterator[tuple[Supervisor, Chronicle]]:
    chronicle = Chronicle()
    supervisor = Supervisor(stages, tmp_path / "logs", chronicle, SystemClock(), QUICK)
    try:
        await supervisor.start()
        yield supervisor, chronicle
    finally:
        await supervisor.stop()


def service(name: str, code: str = SLEEP, **options: object) -> ChildSpec:
    return ChildSpec(name, lambda: python(code), **options)  # type: ignore[arg-type]


def exists(path: Path) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        return await asyncio.to_thread(path.exists)

    return probe


async def test_a_child_that_dies_is_started_again_and_the_reason_is_told(tmp_path: Path) -> None:
    flag = tmp_path / "second"
    code = f"""
import pathlib, sys, time
flag = pathlib.Path({str(flag)!r})
if not flag.exists():
    flag.touch()
    sys.exit("\\x1b[31mlost the key\\x1b[0m")
time.sleep(600)
"""
    async with running([[service("door", code)]], tmp_path) as (_, chronicle):
        died = await chronicle.wait_for("door", "died")
        assert died.detail == "exit code 1: lost the key; starting it again in 0.05 s"
        await chronicle.wait_for("door", "starting", times=2)
        os.kill(chronicle.pid("door"), signal.SIGKILL)
        died = await chronicle.wait_for("door", "died", times=2)
        assert died.detail.startswith("signal SIGKILL; starting it again in")
        await chronicle.wait_for("door", "starting", times=3)


async def test_an_exit_code_of_0_is_a_death_of_a_service_and_the_end_of_a_feed(tmp_path: Path) -> None:
    async with running([[service("broker", "pass"), service("replay", "pass", kind="feed")]], tmp_path) as (
        _,
        chronicle,
    ):
        await chronicle.wait_for("broker", "died", times=2)
        await chronicle.wait_for("replay", "finished")
        assert not chronicle.told("replay", "died")


async def test_a_stage_waits_for_the_one_before_and_stops_before_it(tmp_path: Path) -> None:
    flag, trace = tmp_path / "flag", tmp_path / "trace"
    slow = f"import pathlib, time; time.sleep(0.3); pathlib.Path({str(flag)!r}).touch(); time.sleep(600)"
    job = f"open({str(trace)!r}, 'a').write('migrated ' + str(__import__('os').path.exists({str(flag)!r})))"
    stages = [
        [service("store", slow, is_ready=exists(flag))],
        [service("migrate", job, kind="job")],
        [service("worker")],
    ]
    async with running(stages, tmp_path) as (_, chronicle):
        assert trace.read_text() == "migrated True"
    told = [(news.name, news.what) for news in chronicle.news]
    assert told == [
        ("store", "starting"),
        ("store", "ready"),
        ("migrate", "starting"),
        ("migrate", "finished"),
        ("worker", "starting"),
        ("worker", "ready"),
        ("worker", "stopped"),
        ("store", "stopped"),
    ]


async def test_what_follows_a_child_is_restarted_with_it_afresh_and_in_order(tmp_path: Path) -> None:
    wiped: list[str] = []
    stages = [
        [service("broker"), service("store")],
        [service("migrate", "pass", kind="job", follows=("broker",))],
        [service("worker", follows=("broker",), before_fresh_start=lambda: wiped.append("worker"))],
        [service("replay", kind="feed")],
    ]
    async with running(stages, tmp_path) as (_, chronicle):
        os.kill(chronicle.pid("worker"), signal.SIGKILL)
        await chronicle.wait_for("worker", "ready", times=2)
        assert wiped == ["worker"], "its own death costs a worker no state"
        before = len(chronicle.news)
        os.kill(chronicle.pid("broker"), signal.SIGKILL)
        await chronicle.wait_for("worker", "ready", times=3)
    told = [(news.name, news.what) for news in chronicle.news[before:]]
    assert wiped == ["worker", "worker"]
    assert told.index(("broker", "ready")) < told.index(("migrate", "starting"))
    assert told.index(("migrate", "finished")) < told.index(("worker", "starting"))
    assert ("worker", "restarting") in told
    assert ("store", "starting") not in told
    assert ("replay", "starting") not in told


async def test_a_child_starts_again_when_those_that_follow_it_are_gone(tmp_path: Path) -> None:
    alive: list[bool] = []

    def broker() -> Sequence[str]:
        alive.append(bool(pids) and is_running(pids[-1]))
        return python(SLEEP)

    deaf = f"{IGNORE_SIGTERM} open({str(tmp_path / 'deaf')!r}, 'w').close(); time.sleep(600)"
    worker = service("worker", deaf, follows=("broker",), is_ready=exists(tmp_path / "deaf"))
    pids: list[int] = []
    async with running([[ChildSpec("broker", broker)], [worker]], tmp_path) as (_, chronicle):
        pids.append(chronicle.pid("worker"))
        os.kill(chronicle.pid("broker"), signal.SIGKILL)
        await chronicle.wait_for("worker", "ready", times=2)
    assert alive == [False, False], "the worker of the broker that died would speak to the next"


async def test_a_child_that_never_comes_up_fails_the_start_and_names_its_log(tmp_path: Path) -> None:
    stages = [[service("store")], [service("migrate", "import sys; sys.exit('no such table')", kind="job")]]
    with pytest.raises(StartFailed, match=r"migrate does not come up .*no such table.*migrate\.log"):
        async with running(stages, tmp_path):
            pass


async def test_a_child_that_is_not_ready_in_time_is_started_again(tmp_path: Path) -> None:
    store = service("store", is_ready=exists(tmp_path / "never"), ready_within_s=0.2)
    with pytest.raises(StartFailed, match=r"not ready within 0\.2 s"):
        async with running([[store]], tmp_path):
            pass


async def test_stopping_leaves_nothing_behind_even_of_a_child_that_ignores_sigterm(tmp_path: Path) -> None:
    grandchild = tmp_path / "grandchild"
    code = (
        f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); "
        f"open({str(grandchild)!r}, 'w').write(str(child.pid)); {IGNORE_SIGTERM} time.sleep(600)"
    )

    async def deaf() -> bool:
        log = tmp_path / "logs" / "deaf.log"
        return "deaf" in log.read_text()

    async with running([[service("deaf", code, is_ready=deaf, stop_within_s=0.3)]], tmp_path) as (
        _,
        chronicle,
    ):
        pids = [chronicle.pid("deaf"), int(grandchild.read_text())]
        assert all(is_running(pid) for pid in pids)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 10
    wait_until(lambda: not any(is_running(pid) for pid in pids), "all gone")


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "supervise.py"
    script.write_text(
        textwrap.dedent(f"""
        import asyncio, pathlib, sys
        from openride_stream.clock import SystemClock
        from openride_stream.embedded.keeper import ChildSpec
        from openride_stream.embedded.leash import leashed
        from openride_stream.embedded.supervisor import Supervisor

        def child(name, code):
            argv = [sys.executable, "-I", "-S", "-c", code]
            return ChildSpec(name, lambda: leashed(argv), is_ready=up(name))

        def up(name):
            async def probe():
                return "deaf" in (pathlib.Path({str(tmp_path)!r}) / f"{{name}}.log").read_text()
            return probe

        async def main():
            pids = {{}}
            def tell(news):
                pids[news.name] = news.pid
            code = {IGNORE_SIGTERM + "time.sleep(600)"!r}
            stages = [[child("one", code)], [child("two", code)]]
            supervisor = Supervisor(stages, pathlib.Path({str(tmp_path)!r}), tell, SystemClock())
            await supervisor.start()
            print(*pids.values(), flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
        """)
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(pid) for pid in supervisor.stdout.readline().split()]
        supervisor.kill()
    assert len(pids) == 2
    wait_until(lambda: not any(is_running(pid) for pid in pids), "children gone")

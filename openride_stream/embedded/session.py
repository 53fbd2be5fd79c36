"""A stack from its first child to its last: what `openride up` runs."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from openride_stream.clock import Clock, utc_from_ms
from openride_stream.embedded.addresses import Addresses
from openride_stream.embedded.folder import StackRecord, remove_stack, write_stack
from openride_stream.embedded.keeper import News
from openride_stream.embedded.supervisor import Stages, Supervisor

Tell = Callable[[News], None]


async def run_stack(
    stages: Stages,
    data_dir: Path,
    addresses: Addresses,
    *,
    tell: Tell,
    on_up: Callable[[], None],
    clock: Clock,
) -> None:
    """Bring the children up, call `on_up`, and keep them running until SIGINT, SIGTERM or SIGHUP.

    The data folder must be locked. A second signal kills what has not stopped yet.

    Raises:
        StartFailed: a child does not come up; nothing is left running.
    """
    chronicle = _Chronicle(data_dir, addresses, tell, clock)
    supervisor = Supervisor(stages, data_dir / "logs", chronicle, clock)
    with _signals(supervisor.kill) as stopped:
        try:
            if await _unless(stopped, supervisor.start()):
                on_up()
                await _unless(stopped, supervisor.watch())
        finally:
            await supervisor.stop()
            remove_stack(data_dir)


class _Chronicle:
    """Keeps stack.json true and logs/supervisor.log complete, and passes the news on."""

    def __init__(self, data_dir: Path, addresses: Addresses, tell: Tell, clock: Clock) -> None:
        self._data_dir = data_dir
        self._log = data_dir / "logs" / "supervisor.log"
        self._tell = tell
        self._clock = clock
        self._record = StackRecord(
            kafka=addresses.kafka,
            clickhouse=addresses.clickhouse,
            web=addresses.web,
            pids={"supervisor": os.getpid()},
            started_at=_rfc3339(clock.now_ms()),
        )
        write_stack(data_dir, self._record)

    def __call__(self, news: News) -> None:
        pids = {name: pid for name, pid in self._record.pids.items() if name != news.name}
        if news.pid:
            pids[news.name] = news.pid
        if pids != self._record.pids:
            self._record = replace(self._record, pids=pids)
            write_stack(self._data_dir, self._record)
        self._append(news)
        self._tell(news)

    def _append(self, news: News) -> None:
        line = {
            "ts": _rfc3339(self._clock.now_ms()),
            "child": news.name,
            "event": news.what,
            "pid": news.pid,
            "took_s": round(news.took_s, 3),
            "detail": news.detail,
        }
        with self._log.open("a") as log:
            log.write(json.dumps(line) + "\n")


@contextmanager
def _signals(kill: Callable[[], None]) -> Iterator[asyncio.Event]:
    """An event that the first signal sets; each further one calls `kill`."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stopped.is_set():
            kill()
        stopped.set()

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for signum in wanted:
        loop.add_signal_handler(signum, on_signal)
    try:
        yield stopped
    finally:
        for signum in wanted:
            loop.remove_signal_handler(signum)


async def _unless(stopped: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do `work` unless `stopped` comes first; whether it was done. Its errors are raised."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stopped.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait([working])
        return False
    working.result()
    return True


def _rfc3339(ms: int) -> str:
    return utc_from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")

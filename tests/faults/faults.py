"""One function a fault: it waits for its victim, makes it fail for `step.for_s` seconds, and mends it."""

import asyncio
import itertools
import random
import signal
from collections.abc import Awaitable, Callable

from tests.faults.schedule import LASTS_S, Step
from tests.faults.stage import TRUE_TIME, KeptWorker, Stage

Fault = Callable[[Stage, Step], Awaitable[None]]
LONGEST_JUMP_S = 20 * 3600
_extra = itertools.count()


async def strike(stage: Stage, step: Step) -> None:
    """Do what a step says, at once."""
    await FAULTS[step.fault](stage, step)


def _victim(stage: Stage, step: Step) -> KeptWorker:
    return stage.workers[step.target % len(stage.workers)]


async def _end(worker: KeptWorker, how: signal.Signals) -> None:
    await asyncio.to_thread(worker.end, how)


async def worker_killed(stage: Stage, step: Step) -> None:
    worker = _victim(stage, step)
    async with stage.alone_with(worker.name):
        await _end(worker, signal.SIGKILL)
        await asyncio.sleep(step.for_s)
        worker.start()


async def worker_stopped(stage: Stage, step: Step) -> None:
    worker = _victim(stage, step)
    async with stage.alone_with(worker.name):
        await _end(worker, signal.SIGTERM)
        await asyncio.sleep(step.for_s)
        worker.start()


async def worker_frozen(stage: Stage, step: Step) -> None:
    worker = _victim(stage, step)
    async with stage.alone_with(worker.name):
        with worker.frozen():
            await asyncio.sleep(step.for_s)


async def all_workers_killed(stage: Stage, step: Step) -> None:
    async with stage.alone_with(*(worker.name for worker in stage.workers)):
        await asyncio.gather(*(_end(worker, signal.SIGKILL) for worker in stage.workers))
        await asyncio.sleep(step.for_s)
        for worker in stage.workers:
            worker.start()


async def clock_jumps(stage: Stage, step: Step) -> None:
    """A worker's wall clock is hours off, and comes back; half of them are killed while it is."""
    worker, dice = _victim(stage, step), random.Random(step.target)
    async with stage.alone_with(worker.name):
        worker.set_clock(dice.uniform(-LONGEST_JUMP_S, LONGEST_JUMP_S))
        await asyncio.sleep(step.for_s)
        if dice.random() < 0.5:
            await _end(worker, signal.SIGKILL)
        worker.set_clock(TRUE_TIME)
        if not worker.running():
            worker.start()


async def rebalances(stage: Stage, step: Step) -> None:
    """A worker more joins and leaves; every other time it is killed instead."""
    worker, dice = stage.new_worker(f"extra-{next(_extra)}"), random.Random(step.target)
    until_s = asyncio.get_running_loop().time() + step.for_s
    try:
        while asyncio.get_running_loop().time() < until_s:
            worker.start()
            await asyncio.sleep(dice.uniform(2.0, 4.0))
            await _end(worker, dice.choice((signal.SIGTERM, signal.SIGKILL)))
    finally:
        worker.end(signal.SIGKILL)


async def store_killed(stage: Stage, step: Step) -> None:
    async with stage.alone_with("store"):
        await asyncio.to_thread(stage.clickhouse.kill)
        await asyncio.sleep(step.for_s)
        await asyncio.to_thread(stage.clickhouse.start)


def _store(mode: str) -> Fault:
    async def store(stage: Stage, step: Step) -> None:
        async with stage.alone_with("proxy"):
            with stage.proxy.mode(mode):
                await asyncio.sleep(step.for_s)

    return store


async def broker_away(stage: Stage, step: Step) -> None:
    async with stage.alone_with("broker"):
        away = stage.broker.away(step.target)
        await asyncio.to_thread(away.__enter__)
        try:
            await asyncio.sleep(step.for_s)
        finally:
            await asyncio.to_thread(away.__exit__, None, None, None)


FAULTS: dict[str, Fault] = {
    "worker killed": worker_killed,
    "worker stopped": worker_stopped,
    "worker frozen": worker_frozen,
    "all workers killed": all_workers_killed,
    "clock jumps": clock_jumps,
    "rebalances": rebalances,
    "store killed": store_killed,
    "store answers 500": _store("500"),
    "store full": _store("full"),
    "store slow": _store("slow"),
    "store hangs": _store("hangs"),
    "store accepts and fails": _store("accepts and fails"),
    "store drops connections": _store("drops"),
    "broker away": broker_away,
}
assert FAULTS.keys() == LASTS_S.keys()

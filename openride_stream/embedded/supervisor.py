"""Supervision of the stack's processes: started in order, restarted when they die, stopped in reverse.

A child starts when every child of the stages before its own is ready; this holds at a restart too, so
that a worker whose broker died waits for the new broker and for the job that creates its topics, and the
new broker for the end of the workers of the one that died.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from openride_stream.clock import Clock
from openride_stream.embedded.children import ChildLog
from openride_stream.embedded.keeper import Backoff, ChildSpec, Keeper, News

Stages = Sequence[Sequence[ChildSpec]]


class Supervisor:
    """Runs `stages` of children, each stage after the one before it.

    `tell` hears of everything that happens; it is called on the event loop and must not block.
    """

    def __init__(
        self,
        stages: Stages,
        log_dir: Path,
        tell: Callable[[News], None],
        clock: Clock,
        backoff: Backoff | None = None,
    ) -> None:
        self._stages: list[list[Keeper]] = []
        self._tasks: list[asyncio.Task[None]] = []
        for stage in stages:
            needs = [keeper.ready for earlier in self._stages for keeper in earlier]
            keepers = [
                Keeper(
                    spec,
                    log=ChildLog(log_dir / f"{spec.name}.log"),
                    needs=needs,
                    tell=tell,
                    on_death=self._restart_followers,
                    clock=clock,
                    backoff=backoff or Backoff(),
                )
                for spec in stage
            ]
            self._stages.append(keepers)
        for keeper in self._keepers():
            keeper.followers = [f.gone for f in self._keepers() if keeper.spec.name in f.spec.follows]

    async def start(self) -> None:
        """Bring every child up, and return when all are ready.

        Raises:
            StartFailed: a child does not come up; call `stop` then.
        """
        self._tasks = [asyncio.create_task(keeper.keep()) for keeper in self._keepers()]
        all_ready = asyncio.create_task(self._all_ready())
        try:
            await asyncio.wait([all_ready, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            self._raise_failure()
        finally:
            all_ready.cancel()

    async def watch(self) -> None:
        """Wait until supervision itself fails (children that die are restarted); cancel to end."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self._raise_failure()

    async def stop(self) -> None:
        """Stop all children, the last stage first, each within its own `stop_within_s`."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task
        for stage in reversed(self._stages):
            await asyncio.gather(*(keeper.stop() for keeper in stage))

    def kill(self) -> None:
        """Kill all children at once: for a user who will not wait for `stop`, which must be running."""
        for keeper in self._keepers():
            keeper.kill()

    def _keepers(self) -> list[Keeper]:
        return [keeper for stage in self._stages for keeper in stage]

    def _restart_followers(self, name: str) -> None:
        for keeper in self._keepers():
            if name in keeper.spec.follows:
                keeper.restart(because=f"{name} has to be started again")

    async def _all_ready(self) -> None:
        for keeper in self._keepers():
            await keeper.ready.wait()

    def _raise_failure(self) -> None:
        for task in self._tasks:
            if task.done() and (error := task.exception()) is not None:
                raise error

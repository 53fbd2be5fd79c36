"""A worker knows whether it is in its group: while the next rebalance runs, and when it is out for good."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from openride_stream.settings import Settings
from openride_stream.transport import membership
from tests.transport.reading import ReaderApp, Taken, running, send, settled, until, until_committed

Call = Callable[[], Any]


def inner(app: ReaderApp) -> Any:
    """Its consumer as aiokafka has it, which lives in a thread of its own."""
    return app.reader._thread._ensure_consumer()


def in_its_thread(app: ReaderApp, call: Call) -> None:
    app.reader._thread.thread_loop.call_soon_threadsafe(call)


async def test_a_consumer_that_is_still_connecting_is_not_lost() -> None:
    """The stall watch may look that early, where a broker takes its time."""
    connecting = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1", group_id="group")
    assert membership.loss(connecting) is None
    await connecting.stop()


@asynccontextmanager
async def held_up(app: ReaderApp, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """Within the block the app's next recovery waits for the offsets to go back to; set when it does."""
    asked, answer = asyncio.Event(), asyncio.Event()
    seek_to_committed = app.reader.seek_to_committed

    async def slow() -> Any:
        asked.set()
        await answer.wait()
        return await seek_to_committed()

    monkeypatch.setattr(app.reader, "seek_to_committed", slow)
    yield asked
    monkeypatch.undo()
    answer.set()


async def test_a_recovery_that_ends_late_does_not_end_the_rebalance_after_it(
    bootstrap: str, topic: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a broker dies: offsets are long in coming, and meanwhile the group rebalances again."""
    app = ReaderApp(settings, topic, Taken())
    async with running(app):
        async with held_up(app, monkeypatch) as asked:
            in_its_thread(app, inner(app)._coordinator.request_rejoin)
            await asyncio.wait_for(asked.wait(), 30)
            revoking, gate = asyncio.Event(), asyncio.Event()

            async def drained() -> None:
                revoking.set()
                await gate.wait()

            app.drained = drained
            in_its_thread(app, inner(app)._coordinator.request_rejoin)
            await asyncio.wait_for(revoking.wait(), 30)
        try:
            await until(lambda: app.tables.actives_ready, "the end of the first recovery")
            assert app._unsettled()
            assert not app.reader.flow_active
        finally:
            gate.set()
        await until(lambda: settled(app) and app.reader.flow_active, "the end of the second rebalance")
        await send(bootstrap, topic, 0, [b"1"])
        await until_committed(settings, topic, {0: 1})


async def test_an_error_that_ends_its_part_in_the_group_is_known(
    topic: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        # What aiokafka makes of an answer that it does not know.
        message = "Unexpected exception in heartbeat task"
        raise KafkaError(message)

    app = ReaderApp(settings, topic, Taken())
    async with running(app):
        assert app.loss() is None
        monkeypatch.setattr(inner(app)._coordinator, "_do_heartbeat", fail)
        await until(app.loss, "word of the loss")
        assert "Unexpected exception in heartbeat task" in str(app.loss())
        assert settled(app), "to Faust all is well"

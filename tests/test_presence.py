"""A worker reports itself at once when something changes, and otherwise every heartbeat or 1.2 seconds."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from openride_stream.errors import MetadataUnavailable
from openride_stream.holdings import Place
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.workers import Seat, Workers
from openride_stream.presence import Presence, silent_after_s, web_address
from openride_stream.settings import Settings
from openride_stream.stall import Partition
from tests.fixtures.clock import ManualClock

TRIP: Partition = ("openride.events.trip", 0)
SETTINGS = Settings(_env_file=None, broker_session_timeout_s=30, broker_heartbeat_interval_s=3)


class Worker:
    """Holds what a test gives it."""

    def __init__(self) -> None:
        self.held: Mapping[Partition, Place] | None = {TRIP: Place(0, 0, 0)}
        self.reason: str | None = None

    def excuse(self) -> str | None:
        return self.reason

    def places(self) -> Mapping[Partition, Place] | None:
        return self.held


class Notebook(Workers):
    """The real store; notes what it is told, and can be away."""

    def __init__(self, metadata: Metadata) -> None:
        super().__init__(metadata, "group")
        self.told: list[Seat] = []
        self.away = False
        self.refused = 0

    async def keep(self, seat: Seat, lifetime_s: float) -> None:
        if self.away:
            self.refused += 1
            message = "away"
            raise MetadataUnavailable(message)
        assert lifetime_s == SETTINGS.broker_session_timeout_s
        self.told.append(seat)
        await super().keep(seat, lifetime_s)


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def notebook(metadata: Metadata) -> Notebook:
    return Notebook(metadata)


@pytest.fixture
def presence(worker: Worker, notebook: Notebook, clock: ManualClock) -> Presence:
    return Presence(worker, "host:1", notebook, clock, SETTINGS)


async def test_it_reports_changes_at_once_and_the_rest_in_time(
    presence: Presence, worker: Worker, notebook: Notebook, clock: ManualClock
) -> None:
    await presence.report()
    clock.advance(1)
    await presence.report()
    assert len(notebook.told) == 1
    worker.reason = "ClickHouse is away"
    await presence.report()
    assert notebook.told[-1].trouble == "ClickHouse is away"
    clock.advance(1.2)
    await presence.report()
    assert len(notebook.told) == 3
    quick = SETTINGS.model_copy(update={"broker_heartbeat_interval_s": 0.4})
    assert (silent_after_s(SETTINGS), silent_after_s(quick)) == (3, 1)


async def test_during_a_rebalance_it_still_holds_what_it_held(
    presence: Presence, worker: Worker, notebook: Notebook, clock: ManualClock
) -> None:
    await presence.report()
    worker.held, worker.reason = None, "partitions are being assigned or recovered"
    clock.advance(3)
    await presence.report()
    assert notebook.told[-1].holdings == notebook.told[0].holdings
    worker.held, worker.reason = {}, None
    await presence.report()
    assert notebook.told[-1].holdings == []


async def test_a_store_that_is_away_ends_nothing_and_a_stop_withdraws(
    presence: Presence, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openride_stream.presence._LOOK_INTERVAL_S", 0.01)
    notebook.away = True
    running = asyncio.create_task(presence.run())
    deadline = time.monotonic() + 20
    while notebook.refused < 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    notebook.away = False
    while not await notebook.alive():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await notebook.alive() == []


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({"web_host": "0.0.0.0", "web_port": 80}, "http://box:80"),
        ({"web_host": "127.0.0.1", "web_port": 8097}, "http://127.0.0.1:8097"),
    ],
)
def test_the_address_is_one_that_others_can_use(given: dict[str, Any], address: str) -> None:
    assert web_address(Settings(_env_file=None, **given), "box:17") == address


async def test_it_says_so_until_what_it_took_over_is_read(
    presence: Presence, worker: Worker, notebook: Notebook
) -> None:
    worker.held = {TRIP: Place(None, 7, 7)}
    await presence.report()
    assert "not read to their end" in (notebook.told[-1].trouble or "")
    worker.held = {TRIP: Place(7, 7, 7)}
    await presence.report()
    assert notebook.told[-1].trouble is None

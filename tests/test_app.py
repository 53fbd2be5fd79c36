"""The app: what it owes and forgets while tables are held and partitions move."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openride_stream.app import OpenRideApp, create_app
from openride_stream.circuit import Circuit, CircuitPolicy, Trip
from openride_stream.clickhouse.troubles import Held
from openride_stream.events.records import RecordBatch
from openride_stream.metrics import Metrics
from openride_stream.parking import Parking
from openride_stream.settings import Settings
from tests.events.batches import FakeRecord

TOPIC = "openride.events.user"


class SinkOf:
    """A sink whose tables are held as a test says."""

    def __init__(self) -> None:
        self.away = False
        self.held_tables: set[str] = set()
        self.meanwhile: Any = lambda: None

    def held(self, table: str) -> Held | None:
        return Held("gone", refused=False) if table in self.held_tables else None

    async def drain(self, timeout_s: float) -> bool:
        self.meanwhile()
        return timeout_s > 0


@pytest.fixture
def sink() -> SinkOf:
    return SinkOf()


@pytest.fixture
def parking() -> Parking:
    async def nothing(partitions: Any) -> dict[Any, int]:
        return dict.fromkeys(partitions, 0)

    return Parking(Circuit(CircuitPolicy(10, 0.5, 100)), nothing, Metrics())


@pytest.fixture
def app(sink: SinkOf, parking: Parking, tmp_path: Path) -> OpenRideApp:
    app = create_app(Settings(_env_file=None, pii_key="k", data_dir=tmp_path))
    runtime: Any = SimpleNamespace(
        sink=sink, ingest=SimpleNamespace(parking=parking), contact=SimpleNamespace(trouble=None)
    )
    app.runtime = runtime
    app.rebalancing_count = 1
    return app


async def test_a_batch_that_an_agent_had_in_its_hands_is_not_parked_for_good(
    app: OpenRideApp, sink: SinkOf, parking: Parking
) -> None:
    """Its partition may be somebody else's by now, and is read again where it is not."""
    batch = RecordBatch(TOPIC, 3, [FakeRecord(b"{", 0, 0)])
    sink.meanwhile = lambda: parking.park(batch, lambda: None, Trip("bad"))
    await app.drain()
    assert parking.reasons() == []


async def test_a_store_that_is_away_excuses_the_worker_and_a_table_that_is_held_does_not(
    app: OpenRideApp, sink: SinkOf
) -> None:
    assert app.excuse() is None
    sink.held_tables = {"user_events"}
    assert app.excuse() is None, "other partitions have to go on"
    sink.held_tables = {"dead_letters"}
    assert app.excuse() == "ClickHouse is away", "any partition may wait for it"
    sink.held_tables, sink.away = set(), True
    assert app.excuse() == "ClickHouse is away"

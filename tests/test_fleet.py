"""One picture of the group from what every worker says of itself."""

from datetime import UTC, datetime

from openride_stream.fleet import Fleet, lag_of, rate_of
from openride_stream.metadata.workers import Holding, LiveWorker, Seat
from openride_stream.settings import Settings
from tests.fixtures.web import Site

SETTINGS = Settings(_env_file=None, topic_partitions=2)
TRIP = "openride.events.trip"


def live(name: str, *holdings: Holding) -> LiveWorker:
    started = datetime(2026, 11, 22, 9, tzinfo=UTC)
    return LiveWorker(Seat(name, f"http://{name}", "0.1.0", started, None, holdings), 0.4)


def test_what_nobody_holds_is_named() -> None:
    fleet = Fleet.of([live("a:1", Holding(TRIP, 0, 5, 3, 1.0))], SETTINGS)
    assert len(fleet.unheld) == 9 * 2 - 1
    assert (TRIP, 1) in fleet.unheld
    assert (TRIP, 0) not in fleet.unheld
    assert len(Fleet.of([], SETTINGS).unheld) == 18


def test_a_partition_that_two_claim_is_the_later_ones() -> None:
    zombie, heir = Holding(TRIP, 0, 5, 900, 1.0), Holding(TRIP, 0, 77, 20, 50.0)
    fleet = Fleet.of([live("a:1", zombie, Holding(TRIP, 1, 5, None, 0.0)), live("b:2", heir)], SETTINGS)
    assert [[held.partition for held in worker.seat.holdings] for worker in fleet.workers] == [[1], [0]]
    assert [lag_of(worker.seat.holdings) for worker in fleet.workers] == [0, 20]
    assert rate_of(fleet.workers[1].seat.holdings) == 50.0


async def test_any_worker_answers_for_all(bare_site: Site) -> None:
    bare_site.runtime.workers.now = [
        live("a:1", Holding(TRIP, 0, 1_780_000_000_000, 3, 1.5)),
        live("b:2", Holding(TRIP, 1, 1_780_000_000_000, 4, 2.5)),
    ]
    answer = await bare_site.get("/v1/workers")
    assert [(worker["worker"], worker["lag"]) for worker in answer["workers"]] == [("a:1", 3), ("b:2", 4)]
    assert answer["workers"][0]["partitions"] == [
        {"topic": TRIP, "partition": 0, "since": "2026-05-28T20:26:40.000Z", "lag": 3, "records_per_s": 1.5}
    ]
    assert {"topic": TRIP, "partition": 2} in answer["unheld"]

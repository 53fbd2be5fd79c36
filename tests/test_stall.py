"""The stall watch: it ends a worker that owes commits and makes none, and no other."""

from collections.abc import Mapping

import pytest

from openride_stream.errors import BrokerUnavailable
from openride_stream.stall import Partition, Stalled, StallWatch, Standing, look
from tests.fixtures.clock import ManualClock

A: Partition = ("openride.events.trip", 0)
B: Partition = ("openride.events.trip", 1)
TIMEOUT_S = 120.0


class Worker:
    """Stands where a test puts it."""

    def __init__(self) -> None:
        self.now: dict[Partition, Standing] = {A: Standing(10, owed=True)}
        self.reason: str | None = None
        self.away = False
        self.unsettled = False
        self.lost: str | None = None

    def settling(self) -> bool:
        return self.unsettled

    def excuse(self) -> str | None:
        return self.reason

    def loss(self) -> str | None:
        return self.lost

    async def standings(self) -> Mapping[Partition, Standing]:
        if self.away:
            message = "no broker"
            raise BrokerUnavailable(message)
        return self.now


@pytest.fixture
def decision() -> StallWatch:
    return StallWatch(TIMEOUT_S)


@pytest.mark.parametrize("committed", [None, 10])
def test_a_partition_that_owes_and_does_not_move_has_stalled(
    decision: StallWatch, committed: int | None
) -> None:
    standings = {A: Standing(committed, owed=True), B: Standing(5, owed=False)}
    assert decision.stalled(standings, 1000.0) == []
    assert decision.stalled(standings, 1119.9) == []
    assert decision.stalled(standings, 1120.0) == [A]


def test_each_commit_starts_the_time_anew(decision: StallWatch) -> None:
    for minute in range(10):
        assert decision.stalled({A: Standing(minute, owed=True)}, minute * 100.0) == []


def test_one_partition_that_moves_does_not_excuse_another(decision: StallWatch) -> None:
    found = [
        decision.stalled({A: Standing(7, owed=True), B: Standing(step, owed=True)}, step * 60.0)
        for step in range(3)
    ]
    assert found == [[], [], [A]]


def test_an_idle_partition_owes_nothing_however_long_it_idles(decision: StallWatch) -> None:
    decision.stalled({A: Standing(10, owed=False)}, 0.0)
    assert decision.stalled({A: Standing(10, owed=True)}, 10_000.0) == []
    assert decision.stalled({A: Standing(10, owed=True)}, 10_120.0) == [A]


def test_a_partition_that_was_away_in_between_starts_anew(decision: StallWatch) -> None:
    decision.stalled({A: Standing(10, owed=True)}, 0.0)
    decision.stalled({}, 60.0)
    assert decision.stalled({A: Standing(10, owed=True)}, 130.0) == []


async def test_a_stalled_worker_ends_with_the_partition_named(
    decision: StallWatch, clock: ManualClock
) -> None:
    worker = Worker()
    await look(worker, decision, clock, TIMEOUT_S)
    clock.advance(TIMEOUT_S)
    with pytest.raises(Stalled, match=r"no commit for 120 s .* openride\.events\.trip\[0\]"):
        await look(worker, decision, clock, TIMEOUT_S)


@pytest.mark.parametrize("trouble", ["store", "broker"])
async def test_time_without_store_or_broker_does_not_count(
    decision: StallWatch, clock: ManualClock, trouble: str
) -> None:
    worker = Worker()
    await look(worker, decision, clock, TIMEOUT_S)
    worker.reason, worker.away = ("ClickHouse is away", False) if trouble == "store" else (None, True)
    clock.advance(10 * TIMEOUT_S)
    await look(worker, decision, clock, TIMEOUT_S)
    worker.reason, worker.away = None, False
    await look(worker, decision, clock, TIMEOUT_S)
    clock.advance(TIMEOUT_S - 1)
    await look(worker, decision, clock, TIMEOUT_S)
    clock.advance(1)
    with pytest.raises(Stalled):
        await look(worker, decision, clock, TIMEOUT_S)


@pytest.mark.parametrize("unsettled", [False, True])
async def test_a_worker_that_is_out_of_its_group_ends_at_the_next_look(
    decision: StallWatch, clock: ManualClock, unsettled: bool
) -> None:
    worker = Worker()
    worker.unsettled = unsettled
    await look(worker, decision, clock, TIMEOUT_S)
    worker.lost = "no such member"
    with pytest.raises(Stalled, match="out of its consumer group for good: no such member"):
        await look(worker, decision, clock, TIMEOUT_S)


async def test_a_group_that_never_settles_ends_the_worker(decision: StallWatch, clock: ManualClock) -> None:
    worker = Worker()
    worker.unsettled = True
    for _ in range(4):
        await look(worker, decision, clock, TIMEOUT_S)
        clock.advance(29)
    worker.unsettled, worker.now = False, {}
    await look(worker, decision, clock, TIMEOUT_S)
    worker.unsettled = True
    for _ in range(4):
        await look(worker, decision, clock, TIMEOUT_S)
        clock.advance(31)
    with pytest.raises(Stalled, match="never settles"):
        await look(worker, decision, clock, TIMEOUT_S)


def test_a_group_may_take_its_session_time_out_to_settle_however_short_the_other() -> None:
    decision = StallWatch(timeout_s=2, settle_s=24)
    assert decision.settles(0)
    assert decision.settles(23.9)
    assert not decision.settles(24)
    decision.settled()
    assert decision.settles(100)

"""Watermark and lateness of each topic, as a batch at a time gives them."""

import random
from collections.abc import Sequence

import pytest

from openride_stream.events.accept import Accepted
from openride_stream.events.records import RecordBatch
from openride_stream.lateness import Lateness
from openride_stream.metrics import Metrics, bounds_of
from tests.events.batches import FakeRecord
from tests.fixtures.clock import ManualClock

TOPIC, OTHER = "openride.events.trip", "openride.events.user"


class Fed:
    """Lateness with a metrics registry of its own; event times are given in seconds before now."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.metrics = Metrics()
        self._lateness = Lateness(self.metrics, clock)

    def batch(self, partition: int, behind_s: Sequence[float], topic: str = TOPIC) -> None:
        rows = [{"event_timestamp": self.clock.now_ms() - round(behind * 1000)} for behind in behind_s]
        self._lateness.apply(RecordBatch(topic, partition, [FakeRecord(b"{}")]), Accepted((), rows, ()))

    def watermark_behind_s(self, topic: str = TOPIC) -> float:
        seconds = self.metrics.registry.get_sample_value(
            "openride_watermark_timestamp_seconds", {"topic": topic}
        )
        assert seconds is not None
        return round(self.clock.now_ms() / 1000 - seconds, 3)

    def buckets(self, metrics: Metrics) -> list[tuple[str, float]]:
        return sorted(
            (f"{sample.name}{sample.labels}", round(sample.value, 3))
            for family in metrics.registry.collect()
            if family.name == "openride_lateness_seconds"
            for sample in family.samples
        )


@pytest.fixture
def fed(clock: ManualClock) -> Fed:
    return Fed(clock)


def test_the_watermark_is_that_of_the_partition_that_is_furthest_behind(fed: Fed) -> None:
    fed.batch(0, [30, 10, 20])
    assert fed.watermark_behind_s() == 10
    fed.batch(1, [500])
    fed.batch(0, [5])
    assert fed.watermark_behind_s() == 10, "it never runs backwards"
    fed.batch(1, [7])
    assert fed.watermark_behind_s() == 7
    fed.batch(0, [1], OTHER)
    assert fed.watermark_behind_s(OTHER) == 1


def test_a_quiet_partition_holds_nothing_back_after_a_minute(fed: Fed) -> None:
    fed.batch(0, [100])
    fed.batch(1, [0])
    assert fed.watermark_behind_s() == 100
    fed.clock.advance(60)
    fed.batch(1, [0])
    assert fed.watermark_behind_s() == 0


def test_a_clock_that_is_ahead_makes_nobody_late(fed: Fed) -> None:
    fed.batch(0, [-80_000])
    assert fed.watermark_behind_s() == 0
    fed.batch(0, [0.5])
    total = fed.metrics.registry.get_sample_value("openride_lateness_seconds_sum", {"topic": TOPIC})
    assert total == 0.5


def test_an_empty_batch_is_no_event(fed: Fed) -> None:
    fed.batch(0, [])
    assert fed.buckets(fed.metrics) == []


def test_lateness_is_counted_as_if_each_event_had_been_observed(fed: Fed) -> None:
    chance = random.Random(7)
    on_the_bounds = [bound + step for bound in bounds_of("lateness_seconds") for step in (-0.001, 0, 0.001)]
    seen: list[float] = []
    one_by_one = Metrics()
    for behind in (on_the_bounds, [chance.expovariate(0.001) for _ in range(500)], [0.0], [3e6, 0.0]):
        rounded = [round(one, 3) for one in behind]
        fed.batch(0, rounded)
        seen += rounded
        for one in rounded:
            one_by_one.lateness_seconds.labels(TOPIC).observe(round(one - min(seen), 3))
    assert fed.buckets(fed.metrics) == fed.buckets(one_by_one)

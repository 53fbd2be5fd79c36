"""Histograms of the scheduler: by tier, of executions, in seconds."""

import orjson

from openride_stream.events.accept import accept
from openride_stream.events.records import RecordBatch
from openride_stream.metrics import Metrics
from openride_stream.schedule_times import ScheduleTimes
from tests.events.batches import NOW_MS, POLICY, FakeRecord
from tests.exactness.executions import spelled, usual

TOPIC = "openride.schedules.mongo"


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(
        f"openride_schedule_{name}", {"tier": "mongo_periodic", **labels}
    )


def test_what_is_read_is_observed_by_tier() -> None:
    metrics = Metrics()
    sent = [
        usual(
            schedule_type="mongo_periodic",
            analytics_id=None,
            scheduled_at=spelled(NOW_MS - late_ms),
            started_processing_at=spelled(NOW_MS),
            completed_at=spelled(NOW_MS + 70),
            total_processing_time_ms=None,
            time_in_mongo_queue_ms=waited_ms,
            time_in_redis_queue_ms=99_000,
            execution_result=result,
        )
        for late_ms, waited_ms, result in (
            (0, 5, "success"),
            (301_000, 30_000, "success"),
            (-9, None, "timeout"),
            (7_200_000, 30_001, "retry"),
        )
    ]
    update = {"update": True, "analytics_id": usual()["analytics_id"], "time_in_mongo_queue_ms": 1}
    values = [orjson.dumps(body) for body in [*sent, update]]
    batch = RecordBatch(TOPIC, 0, [FakeRecord(each, offset) for offset, each in enumerate(values)])
    accepted = accept(batch, POLICY, NOW_MS)
    assert accepted.rejects == []
    ScheduleTimes(metrics).apply(batch, accepted)

    assert value(metrics, "executions_total", result="success") == 2
    assert value(metrics, "executions_total", result="timeout") == 1
    assert value(metrics, "queue_seconds_count") == 3
    assert value(metrics, "queue_seconds_sum") == 60.006
    assert value(metrics, "queue_seconds_bucket", le="0.005") == 1
    assert value(metrics, "queue_seconds_bucket", le="30.0") == 2
    assert value(metrics, "queue_seconds_bucket", le="60.0") == 3
    assert value(metrics, "processing_seconds_sum") == 0.28
    assert value(metrics, "drift_seconds_bucket", le="0.005") == 2
    assert value(metrics, "drift_seconds_bucket", le="900.0") == 3
    assert value(metrics, "drift_seconds_bucket", le="+Inf") == 4
    assert value(metrics, "queue_seconds_count", tier="redis_immediate") is None


def test_topics_of_events_are_left_alone() -> None:
    metrics = Metrics()
    batch = RecordBatch("openride.events.user", 0, [FakeRecord(b"{}")])
    ScheduleTimes(metrics).apply(batch, accept(batch, POLICY, NOW_MS))
    assert value(metrics, "queue_seconds_count") is None

"""A schedule execution over HTTP, through Kafka, to whoever reads: on one worker with its usual settings."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openride_stream.clock import SystemClock, rfc3339
from openride_stream.events.example import EXECUTION_NAME, example
from tests.e2e.cluster import ALONE, Cluster
from tests.fixtures.broker import EmbeddedBroker

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BASE = "/v1/schedule-analytics"
WITHIN_S = 2.0


@pytest.fixture
def cluster(tmp_path: Path, start_broker: Callable[[], EmbeddedBroker]) -> Iterator[Cluster]:
    made = Cluster(tmp_path, start_broker().bootstrap, more=ALONE)
    made.start(workers=1)
    yield made
    made.stop()


def send(cluster: Cluster, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    url = f"{cluster.workers[0].url}{BASE}/{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), method=method)
    with urllib.request.urlopen(request, timeout=15) as answer:
        return answer.status, json.loads(answer.read())


def read(cluster: Cluster, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{cluster.workers[0].url}{BASE}/{path}", timeout=15) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def seen(cluster: Cluster, schedule_id: str, count: int, **wanted: Any) -> float:
    """Seconds until the newest execution of the schedule is as wanted."""
    began_s = time.monotonic()
    while True:
        found = read(cluster, f"schedule/{schedule_id}")["executions"]
        if len(found) == count and all(found[0][name] == value for name, value in wanted.items()):
            return time.monotonic() - began_s
        assert time.monotonic() - began_s < 10 * WITHIN_S, found
        time.sleep(0.02)


def test_what_was_answered_is_read_within_two_seconds_and_once(cluster: Cluster) -> None:
    usual = example(EXECUTION_NAME)
    for name in ("analytics_id", "schedule_type", "completed_at", "total_processing_time_ms", "level"):
        del usual[name]
    now_ms = SystemClock().now_ms()
    body = usual | {"schedule_id": "payouts/7 {a}", "started_processing_at": rfc3339(now_ms - 1000)}
    waits_s = []
    for number, path in enumerate(("mongo/execution", "clickhouse/transfer", "redis/processing"), 1):
        started = rfc3339(now_ms - 1000 + number)
        status, taken = send(cluster, "POST", path, body | {"started_processing_at": started})
        assert status == 202
        identity = taken["analytics_id"]
        waits_s.append(seen(cluster, "payouts%2F7%20%7Ba%7D", number, analytics_id=identity, level="info"))
        # Sent again it is the same one, and a change of it at once finds it.
        again = body | {"started_processing_at": started, "analytics_id": identity}
        assert send(cluster, "POST", path, again)[1]["analytics_id"] == identity
        assert send(cluster, "PATCH", identity, {"execution_result": "timeout"})[0] == 202
        waits_s.append(
            seen(cluster, "payouts%2F7%20%7Ba%7D", number, execution_result="timeout", level="error")
        )
    assert max(waits_s) < WITHIN_S, waits_s

    # At once: a change of what nobody can have stored yet.
    _, taken = send(cluster, "POST", "redis/processing", body | {"schedule_id": "fresh"})
    assert send(cluster, "PATCH", taken["analytics_id"], {"error_message": "late"})[0] == 202
    assert seen(cluster, "fresh", 1, error_message="late") < WITHIN_S
    stats = read(cluster, "stats?hours_back=1")
    assert (stats["total_records"], stats["error_count"]) == (4, 3)

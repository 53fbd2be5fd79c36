"""One worker with its usual settings: what is posted is read, and it stops when it is told to.

In this order: the last test takes the broker away.
"""

import asyncio
import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import ClientSession, WSCloseCode, WSMsgType

from openride_stream.clock import SystemClock, rfc3339
from openride_stream.events.example import EXECUTION_NAME, example
from tests.e2e.cluster import ALONE, Cluster, Worker
from tests.fixtures.broker import EmbeddedBroker

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BASE = "/v1/schedule-analytics"
WITHIN_S = 2.0
STOP_S = 10.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(tmp_path_factory.mktemp("broker") / "broker.log").start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, broker: EmbeddedBroker) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), broker.bootstrap, more=ALONE)
    made.start(workers=1)
    yield made
    made.stop()


def send(cluster: Cluster, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    url = f"{cluster.workers[0].url}{path if path.startswith('/') else f'{BASE}/{path}'}"
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


def test_what_was_answered_is_read_soon_and_once(cluster: Cluster) -> None:
    usual = example(EXECUTION_NAME)
    for name in ("analytics_id", "schedule_type", "completed_at", "total_processing_time_ms", "level"):
        del usual[name]
    now_ms = SystemClock().now_ms()
    body = usual | {"schedule_id": "payouts/7 {a}", "started_processing_at": rfc3339(now_ms - 1000)}
    waits_s = []
    for number, path in enumerate(("mongo/execution", "redis/processing"), 1):
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
    # The bar holds on a machine that has nothing else to do.
    assert max(waits_s) < WITHIN_S or not os.environ.get("OPENRIDE_TEST_TIMES"), waits_s

    # At once: a change of what nobody can have stored yet.
    _, taken = send(cluster, "POST", "redis/processing", body | {"schedule_id": "fresh"})
    assert send(cluster, "PATCH", taken["analytics_id"], {"error_message": "late"})[0] == 202
    assert seen(cluster, "fresh", 1, error_message="late") < WITHIN_S
    stats = read(cluster, "stats?hours_back=1")
    assert (stats["total_records"], stats["error_count"]) == (3, 2)


def test_exports_are_written_and_reports_mailed(cluster: Cluster) -> None:
    query = {"query": "SELECT analytics_id, execution_result FROM schedule_analytics", "format": "csv"}
    export_id = send(cluster, "POST", "/v1/exports/request", query)[1]["export_id"]
    asked = {
        "report_name": "Users of the day",
        "report_type": "user_metrics",
        "frequency": "daily",
        "timezone": "Africa/Lagos",
        "format": "pdf",
        "recipients": ["ada@example.org"],
    }
    schedule_id = send(cluster, "POST", "/v1/reports/schedule", asked)[1]["schedule_id"]
    begun = send(cluster, "POST", f"/v1/reports/schedule/{schedule_id}/execute", {})[1]
    run = f"/v1/reports/executions/{begun['execution_id']}"

    def ended() -> bool:
        export, report = cluster.get(f"/v1/exports/{export_id}/status"), cluster.get(run)
        assert "failed" not in (export["status"], report["status"]), (export, report)
        return bool(export["status"] == report["status"] == "completed")

    cluster.wait_for(ended, "export and report")
    with urllib.request.urlopen(f"{cluster.workers[0].url}/v1/exports/{export_id}/download") as answer:
        assert answer.read().count(b"\n") == 1 + 3
    (mail,) = (cluster.folder / "mail").glob("*.eml")
    assert b"To: ada@example.org" in mail.read_bytes()


async def stopped_while_watched(worker: Worker) -> float:
    """Seconds that a stop takes while dashboards are open; each of them is told."""
    realtime = f"{worker.url}/v1/metrics/realtime"
    async with (
        asyncio.timeout(60),
        ClientSession() as session,
        session.ws_connect(f"{realtime}/ws") as pushed,
        session.get(f"{realtime}/sse") as stream,
    ):
        await pushed.receive_json()
        began_s = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(worker.end, signal.SIGTERM))
        while (message := await pushed.receive()).type is WSMsgType.TEXT:
            pass
        assert (message.type, pushed.close_code) == (WSMsgType.CLOSE, WSCloseCode.GOING_AWAY)
        await stream.read()  # to its end, which is no broken connection
        assert await stopping == 0
        return time.monotonic() - began_s


def test_a_worker_stops_in_order_under_load_and_at_its_deadline_without_a_broker(
    cluster: Cluster, broker: EmbeddedBroker
) -> None:
    worker = cluster.workers[0]
    cluster.replay("--max", "--limit", "300")
    took_s = asyncio.run(stopped_while_watched(worker))
    assert took_s < STOP_S

    worker.start()
    cluster.wait_for(worker.ready, "ready worker")
    broker.kill()
    began_s = time.monotonic()
    worker.end(signal.SIGTERM)
    assert time.monotonic() - began_s < STOP_S + 5  # the interpreter's own start and end are not ours

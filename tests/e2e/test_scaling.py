"""Workers come and go under load, the broker freezes, and nothing is lost."""

import asyncio
import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.workers import LiveWorker, Workers
from tests.e2e.cluster import Cluster, openride
from tests.e2e.test_exactness import assert_figures
from tests.fixtures.broker import EmbeddedBroker
from tests.reference.figures import Reference
from tests.reference.loading import load

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PARTITIONS = 9 * 8


@contextmanager
def rides(cluster: Cluster, sent: Path) -> Iterator[None]:
    """Within the block rides keep coming, a month in two minutes; `sent` is what was sent."""
    command = [*openride("replay"), "--speed", "20000", "--bad", "0.02", "--duplicates", "0.05"]
    log = cluster.folder / "replay.log"
    with log.open("wb") as out:
        replaying = subprocess.Popen(
            [*command, "--json-out", str(sent)], env=cluster.env, stdout=out, stderr=out
        )
    try:
        yield
        assert replaying.poll() is None, log.read_text()[-2000:]
    finally:
        replaying.send_signal(signal.SIGINT)
        replaying.wait(timeout=60)


def fleet(cluster: Cluster) -> dict[str, Any]:
    """What `openride workers --json` says."""
    command = [*openride("workers"), "--json"]
    done = subprocess.run(command, env=cluster.env, capture_output=True, timeout=120, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


async def alive(cluster: Cluster) -> list[LiveWorker]:
    metadata = Metadata.open(cluster.settings.metadata_url)
    try:
        return await Workers(metadata, cluster.settings.consumer_group).alive()
    finally:
        await metadata.close()


def wait_for_fleet(cluster: Cluster, workers: int) -> None:
    """Return when so many workers hold every partition, and each of them some."""

    def spread() -> bool:
        seats = [worker.seat for worker in asyncio.run(alive(cluster))]
        held = [len(seat.holdings) for seat in seats]
        settled = all(seat.trouble is None for seat in seats)
        return settled and len(held) == workers and min(held) > 0 and sum(held) == PARTITIONS

    cluster.wait_for(spread, f"{workers} workers with {PARTITIONS} partitions")
    now = fleet(cluster)
    assert len(now["workers"]) == workers
    assert now["unheld"] == []


def reasons(url: str) -> list[str]:
    """Why a worker is not ready; empty when it is."""
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=10):
            return []
    except urllib.error.HTTPError as answer:
        with answer:
            found: list[str] = json.loads(answer.read())["reasons"]
            return found


def test_one_worker_three_workers_one_worker_and_nothing_is_lost(
    tmp_path: Path, start_broker: Callable[[], EmbeddedBroker]
) -> None:
    broker = start_broker()
    cluster = Cluster(tmp_path, broker.bootstrap)
    sent = tmp_path / "sent.jsonl"
    try:
        cluster.start(workers=1)
        wait_for_fleet(cluster, 1)
        with rides(cluster, sent):
            for name in ("second", "third"):
                cluster.workers.append(cluster.new_worker(name))
                cluster.workers[-1].start()
            wait_for_fleet(cluster, 3)
            # One says good-bye and one cannot: both are gone from the list, and their partitions held again.
            cluster.workers.pop().end(signal.SIGKILL)
            assert cluster.workers.pop().end(signal.SIGTERM) == 0
            wait_for_fleet(cluster, 1)
            (last,) = cluster.workers
        with broker.frozen():
            cluster.wait_for(lambda: "does not answer" in str(reasons(last.url)), "word of the frozen broker")
        cluster.wait_for(last.ready, "ready worker")
        cluster.settle()
        reference = Reference("NGN")
        load(sent, reference)
        assert_figures(cluster, reference)
        audit(cluster)
    finally:
        cluster.stop()


def audit(cluster: Cluster) -> None:
    """Every record of the stream is stored, dead-lettered or a duplicate, and there are some of each."""
    command = [*openride("audit"), "--json"]
    done = subprocess.run(command, env=cluster.env, capture_output=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    parts = ("stored", "dead_lettered", "duplicate")
    assert all(answer[part] > 0 for part in parts)
    assert sum(answer[part] for part in parts) == answer["consumed"]

"""A worker that is told to stop does, also when what it would say goodbye to is away."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import ALONE, Cluster
from tests.fixtures.broker import EmbeddedBroker

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STOP_S = 10.0


@pytest.fixture
def broker(start_broker: Callable[[], EmbeddedBroker]) -> EmbeddedBroker:
    return start_broker()


@pytest.fixture
def cluster(tmp_path: Path, broker: EmbeddedBroker) -> Iterator[Cluster]:
    made = Cluster(tmp_path, broker.bootstrap, more=ALONE)
    made.start(workers=1)
    yield made
    made.stop()


def test_a_worker_stops_in_order_under_load_and_at_its_deadline_without_a_broker(
    cluster: Cluster, broker: EmbeddedBroker
) -> None:
    worker = cluster.workers[0]
    cluster.replay("--max", "--limit", "300")
    began_s = time.monotonic()
    assert worker.end(signal.SIGTERM) == 0
    assert time.monotonic() - began_s < STOP_S

    worker.start()
    cluster.wait_for(worker.ready, "ready worker")
    broker.kill()
    began_s = time.monotonic()
    worker.end(signal.SIGTERM)
    assert time.monotonic() - began_s < STOP_S + 5  # the interpreter's own start and end are not ours

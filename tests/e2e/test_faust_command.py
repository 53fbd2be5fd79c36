"""`faust -A openride_stream.worker worker`, plain: the same worker as `openride worker`, tokens and all."""

import asyncio
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from openride_stream.clock import SystemClock, utc_from_ms
from openride_stream.events.registry import TOPIC_OF
from tests.e2e.cluster import ALONE, Cluster, Worker
from tests.fixtures.broker import EmbeddedBroker
from web.tokens import entry_of, new_token

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

TOKEN = new_token()


class FaustWorker(Worker):
    """One `faust -A openride_stream.worker worker`."""

    def start(self) -> None:
        command = [sys.executable, "-m", "faust", "-A", "openride_stream.worker", "worker"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)


@pytest.fixture
def cluster(tmp_path: Path, start_broker: Callable[[], EmbeddedBroker]) -> Iterator[Cluster]:
    tokens = {"OPENRIDE_API_TOKENS": entry_of("test", "viewer", TOKEN).text()}
    made = Cluster(tmp_path, start_broker().bootstrap, more=tokens | ALONE)
    yield made
    made.stop()


def users(worker: Worker, token: str) -> dict[str, int]:
    request = urllib.request.Request(
        f"{worker.url}/v1/metrics/users", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, int] = json.loads(answer.read())
    return found


async def register(cluster: Cluster) -> None:
    event = {
        "event_type": "user.registered",
        "event_timestamp": utc_from_ms(SystemClock().now_ms()).isoformat(),
        "user_id": str(uuid.uuid4()),
        "phone": "+2348012345678",
        "role": "RIDER",
    }
    async with AIOKafkaProducer(bootstrap_servers=cluster.settings.kafka_bootstrap_servers) as producer:
        await producer.send_and_wait(TOPIC_OF["user.registered"].name, orjson.dumps(event))


def test_an_event_becomes_a_figure_for_who_has_a_token(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start(workers=0)
    worker = FaustWorker(tmp_path, "faust", cluster.env)
    cluster.workers.append(worker)
    worker.start()
    cluster.wait_for(worker.ready, "ready worker")
    asyncio.run(register(cluster))
    cluster.wait_for(lambda: users(worker, TOKEN)["new_registrations"] == 1, "registration")
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        users(worker, new_token())
    refused.value.close()
    assert worker.end(signal.SIGTERM) == 0
    assert TOKEN not in worker.log.read_text()

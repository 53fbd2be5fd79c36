"""A producer's mistake, from the pause to the last redrive, with a real worker and the command line."""

import asyncio
import json
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from openride_stream.clock import SystemClock, utc_from_ms
from tests.e2e.cluster import Cluster, openride
from tests.fixtures.broker import EmbeddedBroker

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TOPIC = "openride.events.user"
PHONE = "+2348012345678"
BAD = 40
STALL_S = 2.0


@pytest.fixture
def cluster(tmp_path: Path, start_broker: Callable[[], EmbeddedBroker]) -> Iterator[Cluster]:
    more = {
        "OPENRIDE_TOPIC_PARTITIONS": "2",
        "OPENRIDE_DLQ_CIRCUIT_CONSECUTIVE": "20",
        "OPENRIDE_DLQ_MAX_ATTEMPTS": "2",
        "OPENRIDE_STALL_TIMEOUT_S": str(STALL_S),
    }
    made = Cluster(tmp_path, start_broker().bootstrap, more=more)
    made.start(workers=1)
    yield made
    made.stop()


def activity(**given: Any) -> bytes:
    event = {
        "event_type": "user.activity",
        "event_timestamp": utc_from_ms(SystemClock().now_ms()).isoformat(),
        "user_id": str(uuid.uuid4()),
        "activity_type": "login",
    }
    return json.dumps(event | given).encode()


def send(cluster: Cluster, partition: int, *values: bytes) -> None:
    async def sent() -> None:
        servers = cluster.settings.kafka_bootstrap_servers
        async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
            for value in values:
                await producer.send(TOPIC, value, partition=partition)
            await producer.flush()

    asyncio.run(sent())


def dlq(cluster: Cluster, *arguments: str) -> Any:
    command = [*openride("dlq"), *arguments, "--json"]
    done = subprocess.run(command, env=cluster.env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert PHONE not in done.stdout + done.stderr
    return json.loads(done.stdout)


def readiness(cluster: Cluster) -> list[str]:
    try:
        with urllib.request.urlopen(f"{cluster.workers[0].url}/health/ready", timeout=5) as answer:
            return list(json.load(answer)["reasons"])
    except urllib.error.HTTPError as error:
        with error:
            return list(json.load(error)["reasons"])


def holds(cluster: Cluster, events: int) -> bool:
    return stored(cluster) >= events


def stored(cluster: Cluster) -> int:
    database = cluster.settings.clickhouse_database
    return int(cluster.clickhouse.query(f"SELECT uniqExact(event_id) FROM {database}.user_events"))


def test_a_mistake_pauses_its_partition_until_it_is_accepted_and_redriven_in_vain(cluster: Cluster) -> None:
    mistakes = [activity(activity_type=number, phone=PHONE) for number in range(BAD)]
    send(cluster, 0, activity(), activity(activity_type=[]), *mistakes, activity())
    cluster.wait_for(lambda: f"{TOPIC}[0] is paused" in " ".join(readiness(cluster)), "pause")
    assert "activity_type" in readiness(cluster)[0]
    paused_s = time.monotonic()

    # The other partition goes on, for longer than the stall watch would let a worker stand still.
    sent = 0
    while time.monotonic() - paused_s < 2.5 * STALL_S:
        send(cluster, 1, activity())
        sent += 1
        cluster.wait_for(partial(holds, cluster, sent), "events of the other partition")
    assert cluster.workers[0].running(), cluster.logs()

    accepted = dlq(cluster, "accept", TOPIC)
    assert accepted["partitions"][0] == {"partition": 0, "until": BAD + 3}
    cluster.wait_for(cluster.workers[0].ready, "ready worker")
    cluster.settle()
    assert stored(cluster) == sent + 2
    (group,) = dlq(cluster, "stats", "--topic", TOPIC)["groups"]
    assert (group["total"], group["open"], group["event_type"]) == (BAD + 1, BAD + 1, "user.activity")

    newest = dlq(cluster, "list", "--limit", "3")["dead_letters"]
    shown = dlq(cluster, "show", TOPIC, "0", str(newest[0]["offset"]))
    assert shown == newest[0]
    assert len(shown["fields"]["phone"]) == 64

    assert dlq(cluster, "redrive")["sent"] == BAD + 1
    cluster.settle()
    assert readiness(cluster) == [], "what an operator sends again opens no circuit"
    again = dlq(cluster, "redrive")
    assert (again["sent"], again["already"], again["given_up"]) == (0, BAD + 1, BAD + 1)
    page = cluster.get("/v1/dead-letters", limit="1000")
    assert sorted(letter["attempts"] for letter in page["dead_letters"]) == [1] * (BAD + 1) + [2] * (BAD + 1)
    assert {letter["redriven_at"] is None for letter in page["dead_letters"] if letter["attempts"] == 1} == {
        False
    }
    assert PHONE not in json.dumps(page)

    purge = [*openride("dlq"), "purge", "--all", "--yes"]
    done = subprocess.run(purge, env=cluster.env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "cannot delete records" in done.stderr) == (2, True), done.stderr

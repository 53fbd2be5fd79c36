"""The audit accounts for every consumed offset, and names exactly what is missing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from openride_stream.audit.account import FATES, Account, Missing
from openride_stream.audit.run import Auditor
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import SystemClock
from openride_stream.kafka.topics import create_topics
from openride_stream.settings import Settings
from tests.audit.stream import PARTITION, TOPIC, consume, location, send
from tests.fixtures.broker import EmbeddedBroker
from tests.fixtures.services import required_service
from tests.fixtures.store import settings_for

NOT_STORED = "the event is stored nowhere"


@pytest.fixture
def broker(start_broker: Callable[[], EmbeddedBroker]) -> EmbeddedBroker:
    return start_broker()


@pytest.fixture
def settings(clickhouse_url: str, broker: EmbeddedBroker) -> Settings:
    return settings_for(
        clickhouse_url,
        kafka_bootstrap_servers=broker.bootstrap,
        topic_partitions=2,
        consumer_group="audited",
        data_dir="/nonexistent",
    )


@pytest.fixture
async def stream(settings: Settings, store: ClickHouse) -> tuple[Settings, ClickHouse]:
    await create_topics(settings)
    return settings, store


async def audit(settings: Settings, store: ClickHouse, deep: bool = False, topic: str = TOPIC) -> Account:
    """The account of the one partition that was written to."""
    accounts = await Auditor(settings, store, SystemClock(), deep).run([topic], lambda text: None)
    assert all(account.balanced for account in accounts)
    return next(account for account in accounts if account.partition == PARTITION)


def counts(account: Account) -> dict[str, int]:
    return {fate: count for fate in FATES if (count := account.counts[fate])}


async def delete(store: ClickHouse, where: str) -> None:
    await store.execute(
        f"ALTER TABLE {store.database}.location_events DELETE WHERE {where} SETTINGS mutations_sync = 1"
    )


async def test_stored_dead_and_doubled_make_up_what_was_consumed(stream: tuple[Settings, ClickHouse]) -> None:
    settings, store = stream
    events = [location() for _ in range(300)]
    await send(settings, [*events[:200], b"{not json", b"[]", *events[:20], *events[200:]])
    await consume(settings, store, 322)
    # Read again after a crash: the same records at the same offsets, and their collapsed rows.
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.consumer_group,
        enable_auto_commit=False,
    ) as consumer:
        consumer.assign([TopicPartition(TOPIC, PARTITION)])
        await consumer.commit({TopicPartition(TOPIC, PARTITION): 100})
    await consume(settings, store, 222)
    expected = {"stored": 300, "dead_lettered": 2, "duplicate": 20}
    await store.execute(f"OPTIMIZE TABLE {store.database}.location_events FINAL")
    assert counts(await audit(settings, store)) == expected
    assert counts(await audit(settings, store, deep=True)) == expected


async def test_a_deleted_row_is_named_and_the_exit_code_says_so(stream: tuple[Settings, ClickHouse]) -> None:
    settings, store = stream
    first = location()
    await send(settings, [first, *(location() for _ in range(50)), first])
    await consume(settings, store, 52)
    await delete(store, "offset IN (7, 8, 9, 33)")
    assert (await audit(settings, store)).missing == [
        Missing(7, 9, NOT_STORED),
        Missing(33, 33, NOT_STORED),
    ]
    code, said = run_cli(settings, "--topic", TOPIC)
    assert code == 1
    assert f"missing {TOPIC}[{PARTITION}] offset 7..9: {NOT_STORED}" in said
    # With its row gone, an event that was sent twice is missing at both of its offsets.
    await delete(store, "offset IN (0, 51)")
    code, said = run_cli(settings, "--json")
    assert code == 1
    answer = json.loads(said)
    assert (answer["complete"], answer["missing"], answer["consumed"]) == (False, 6, 52)
    (partition,) = [one for one in answer["partitions"] if one["missing"]]
    assert [one["first"] for one in partition["missing_offsets"]] == [0, 7, 33, 51]


def run_cli(settings: Settings, *arguments: str) -> tuple[int, str]:
    given = ("kafka_bootstrap_servers", "clickhouse_url", "clickhouse_database", "topic_partitions")
    env = {f"OPENRIDE_{name.upper()}": str(getattr(settings, name)) for name in (*given, "consumer_group")}
    env |= {"OPENRIDE_PII_KEY": "a key for tests", "OPENRIDE_DATA_DIR": "/nonexistent"}
    command = [sys.executable, "-m", "openride_stream", "audit", *arguments]
    done = subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


async def test_a_refused_record_without_its_dead_letter_is_missing(
    stream: tuple[Settings, ClickHouse],
) -> None:
    settings, store = stream
    await send(settings, [location(), b"{not json", location()])
    await consume(settings, store, 3, lost=[1])
    reason = "refused (MalformedJson), and no dead letter names it"
    assert (await audit(settings, store)).missing == [Missing(1, 1, reason)]


async def test_a_redriven_record_that_fails_again_is_dead_lettered(
    stream: tuple[Settings, ClickHouse],
) -> None:
    settings, store = stream
    at = await send(settings, [b"{not json"])
    await consume(settings, store, 1)
    async with AIOKafkaConsumer(
        f"{TOPIC}.dlq",
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=None,
        auto_offset_reset="earliest",
    ) as reader:
        letter = await reader.getone()
    await send(settings, [letter.value], headers=letter.headers)
    await consume(settings, store, 1)
    assert counts(await audit(settings, store)) == {"dead_lettered": 2}
    # A third time, and this attempt is lost: the dead letters of the others do not speak for it.
    again = [(name, b"2" if name == "dlq.attempts" else value) for name, value in letter.headers]
    await send(settings, [letter.value], headers=again)
    await consume(settings, store, 1, lost=[at + 2])
    assert [one.first for one in (await audit(settings, store)).missing] == [at + 2]


async def test_rows_of_a_log_that_is_gone_do_not_speak_for_the_new_one(
    settings: Settings, store: ClickHouse, broker: EmbeddedBroker
) -> None:
    await create_topics(settings)
    await send(settings, [location(), location(), b"{not json", *(location() for _ in range(7))])
    await consume(settings, store, 10)
    broker.restart()  # empty: offsets begin at 0 again
    await create_topics(settings)
    assert counts(await audit(settings, store)) == {}
    await send(settings, [location() for _ in range(6)])
    await consume(settings, store, 6, lost=[2, 3])
    found = await audit(settings, store)
    assert found.missing == [Missing(2, 3, NOT_STORED)]
    assert counts(found) == {"stored": 4, "missing": 2}


@pytest.mark.kafka
async def test_markers_and_deleted_records_are_not_missing(clickhouse_url: str, store: ClickHouse) -> None:
    bootstrap = required_service("OPENRIDE_TEST_KAFKA", "the host:port of an Apache Kafka")
    topic = "openride.schedules.mongo"
    settings = settings_for(
        clickhouse_url,
        kafka_bootstrap_servers=bootstrap,
        consumer_group=f"audited-{os.getpid()}",
        clickhouse_database=store.database,
    )
    await create_topics(settings)
    tp = TopicPartition(topic, PARTITION)
    before = await send(settings, [b"{not json"] * 3, topic=topic) + 3
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_records({tp: RecordsToDelete(before_offset=before - 1)})
    await admin.close()
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=f"audit-{os.getpid()}"
    ) as producer:
        for _ in range(2):
            async with producer.transaction():
                await producer.send_and_wait(topic, b"{no json either", partition=PARTITION)
    await send(settings, [b"{not json"], topic=topic)
    await consume(settings, store, 4, topic=topic)
    found = await audit(settings, store, topic=topic)
    assert (found.begin, found.consumed) == (before - 1, before + 5)
    assert found.missing == []
    assert found.counts["no_record"] == 2
    # Dead letters of other tests may still name offsets that the log no longer has.
    assert found.counts["dead_lettered"] + found.counts["unchecked"] == before + 3

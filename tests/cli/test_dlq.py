"""`openride dlq` where it talks to people; tests/e2e/test_dead_letters.py has the whole story."""

import asyncio
import json
import logging
import time
from collections.abc import Iterator

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from openride_stream.cli.main import cli
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import SystemClock
from openride_stream.events.letter_views import letter_row
from openride_stream.events.letters import Letter
from openride_stream.events.rejects import Reject
from openride_stream.kafka.dead_letters import DeadLetters
from openride_stream.kafka.topics import create_topics
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.events.batches import FakeRecord

TOPIC = "openride.events.trip"
NOW_MS = SystemClock().now_ms()
PHONE = "+2348012345678"
HOSTILE = b'{"event_type":"trip.started","phone":"%b","note":"\\u001b[2J\xc2\x9b[31m[red]"}' % PHONE.encode()


@pytest.fixture(autouse=True)
def logs_come_back() -> Iterator[None]:
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def bootstrap(fresh_kafka: str) -> str:
    """A broker with two dead letters: one that can be parsed, one that cannot."""

    async def fill() -> None:
        settings = Settings(_env_file=None, kafka_bootstrap_servers=fresh_kafka, topic_partitions=2)
        await create_topics(settings)
        letters = await DeadLetters.open(settings, "worker-1", Metrics(), SystemClock())
        for offset, value in enumerate([HOSTILE, PHONE.encode()], start=1_234):
            record = FakeRecord(value, offset, SystemClock().now_ms(), PHONE.encode())
            await letters.publish(TOPIC, 1, [Reject(record, "InvalidField", "trip_id: \x1b[31mwrong")])
        await letters.close()

    asyncio.run(fill())
    return fresh_kafka


def dlq(bootstrap: str, *arguments: str, **given: str) -> Result:
    env = {
        "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "OPENRIDE_PII_KEY": "a key for tests",
        "OPENRIDE_CLICKHOUSE_URL": "http://127.0.0.1:1",
        "OPENRIDE_DATA_DIR": "/nonexistent",
        "COLUMNS": "300",
    } | given
    return CliRunner().invoke(cli, ["dlq", *arguments], env=env)


def test_a_list_for_people_is_masked_tame_and_there_without_clickhouse(bootstrap: str) -> None:
    listed = dlq(bootstrap, "list")
    assert listed.exit_code == 0, listed.output
    assert "what was redriven is not known" in listed.stderr
    first, _, second, why = listed.stdout.splitlines()
    assert f"{TOPIC} 1 " in first, "newest first, and by the words that `show` takes"
    assert "unknown" in second
    assert "trip.started" in second
    assert why.startswith("    ")
    shown = dlq(bootstrap, "show", TOPIC, "1", "0")
    assert " 1234\n" in shown.output, "an offset is not written as a count is"
    for text in (listed.output, shown.output, dlq(bootstrap, "stats").output):
        assert PHONE not in text
        assert not {"\x1b", "\x9b"} & set(text)


def test_what_is_not_there_is_said(bootstrap: str) -> None:
    missing = dlq(bootstrap, "show", TOPIC, "1", "99")
    assert "there is no dead letter 99" in str(missing.exception)
    nowhere = dlq(bootstrap, "accept", TOPIC, "--partition", "7")
    assert "no partition 7" in str(nowhere.exception)


async def test_letters_of_a_broker_that_is_no_more_are_told_of(
    bootstrap: str, store: ClickHouse, settings: Settings
) -> None:
    rejects = [Reject(FakeRecord(b"{}", offset, NOW_MS), "InvalidField", "x") for offset in range(5)]
    letters = [Letter.of(TOPIC, 1, reject, "worker-1", NOW_MS) for reject in rejects]
    rows = [
        letter_row(letter, b"k", 1_000_000) | {"dlq_offset": place} for place, letter in enumerate(letters)
    ]
    await store.insert(f"{store.database}.dead_letters", orjson.dumps(rows)[1:-1])
    known = {
        "OPENRIDE_CLICKHOUSE_URL": settings.clickhouse_url,
        "OPENRIDE_CLICKHOUSE_DATABASE": settings.clickhouse_database,
    }

    def stats(*arguments: str, **given: str) -> Result:
        return dlq(bootstrap, "stats", *arguments, **given)

    told = await asyncio.to_thread(stats, **known)
    assert "3 more are on record and no longer in Kafka" in told.output
    assert json.loads((await asyncio.to_thread(stats, "--json", **known)).stdout)["gone"] == 3
    listed = await asyncio.to_thread(lambda: dlq(bootstrap, "list", "--error", "none", **known))
    assert "no dead letters\n3 more are on record and no longer in Kafka" in listed.stdout
    elsewhere = await asyncio.to_thread(stats, "--topic", "openride.events.user", **known)
    assert elsewhere.stdout == "no dead letters\n"
    assert json.loads((await asyncio.to_thread(stats, "--json")).stdout)["gone"] is None


def test_to_accept_where_nothing_waits_does_nothing_and_says_so(bootstrap: str) -> None:
    accepted = dlq(bootstrap, "accept", TOPIC)
    assert accepted.stdout == f"nothing was done: no record of {TOPIC} waits, so nothing is paused\n"
    assert json.loads(dlq(bootstrap, "accept", TOPIC, "--json").stdout)["partitions"] == []

    async def send_one() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            await producer.send_and_wait(TOPIC, b"{", partition=1)

    asyncio.run(send_one())
    first, second = dlq(bootstrap, "accept", TOPIC).stdout.splitlines()
    assert first == f"{TOPIC}[1]: bad records that wait before offset 1 become dead letters"
    assert "paused goes on within seconds" in second


async def test_a_purge_that_the_broker_cannot_do_is_not_promised(
    bootstrap: str, store: ClickHouse, settings: Settings
) -> None:
    known = {
        "OPENRIDE_CLICKHOUSE_URL": settings.clickhouse_url,
        "OPENRIDE_CLICKHOUSE_DATABASE": store.database,
    }
    for arguments in (("--dry-run",), ()):
        outcome = await asyncio.to_thread(dlq, bootstrap, "purge", "--all", *arguments, **known)
        assert "2 dead letters before offset 2, 2 of them never redriven" in outcome.stdout
        assert "this broker cannot delete records" in str(outcome.exception)
        assert "Delete them?" not in outcome.output


def test_what_is_listed_is_chosen_by_error_type_and_time(bootstrap: str) -> None:
    def offsets(*arguments: str) -> list[int]:
        listed = dlq(bootstrap, "list", "--json", *arguments)
        assert listed.exit_code == 0, listed.output
        return [letter["offset"] for letter in json.loads(listed.stdout)["dead_letters"]]

    assert offsets() == [1, 0], "of the dead-letter topic, newest first"
    assert offsets("--type", "trip.started", "--type", "user.activity") == [0]
    assert offsets("--error", "NotJson") == []
    assert offsets("--error", "NotJson", "--error", "InvalidField") == [1, 0]
    assert offsets("--since", "1h", "--until", "9999-01-01") == [1, 0]
    assert offsets("--until", "1h") == offsets("--since", "9999-01-01") == []
    for option in ("--since", "--until"):
        assert f"Invalid value for '{option}'" in dlq(bootstrap, "list", option, "soon").output


async def test_what_is_redriven_is_chosen_the_same_way_at_the_rate_and_progress_is_shown(
    bootstrap: str, store: ClickHouse, settings: Settings
) -> None:
    known = {
        "OPENRIDE_CLICKHOUSE_URL": settings.clickhouse_url,
        "OPENRIDE_CLICKHOUSE_DATABASE": store.database,
    }

    async def sent(*arguments: str) -> int:
        outcome = await asyncio.to_thread(dlq, bootstrap, "redrive", "--json", *arguments, **known)
        assert outcome.exit_code == 0, outcome.output
        return int(json.loads(outcome.stdout)["sent"])

    assert await sent("--until", "1h") == await sent("--error", "NotJson") == 0
    assert await sent("--since", "1h", "--dry-run") == 2
    assert await sent("--type", "trip.started") == 1
    began_s = time.monotonic()
    told = await asyncio.to_thread(dlq, bootstrap, "redrive", "--rate", "5", FORCE_COLOR="1", **known)
    assert time.monotonic() - began_s >= 0.2, "one at five a second"
    assert told.stdout.startswith("1 sent; left alone: 1 redriven before")
    assert "1 sent" in told.stderr
    refused = await asyncio.to_thread(dlq, bootstrap, "redrive", "--rate", "0", **known)
    assert "Invalid value for '--rate'" in refused.output


def test_nothing_is_redriven_while_the_ledger_is_away(bootstrap: str) -> None:
    assert "ClickHouse did not answer" in str(dlq(bootstrap, "redrive").exception)


def test_without_a_key_nothing_is_shown(bootstrap: str) -> None:
    refused = dlq(bootstrap, "list", OPENRIDE_PII_KEY="")
    assert "OPENRIDE_PII_KEY is not set" in str(refused.exception)


@pytest.mark.parametrize("arguments", [(), ("--all", "--before", "2026-01-01")])
def test_a_purge_says_what_goes(arguments: tuple[str, ...]) -> None:
    outcome = dlq("127.0.0.1:1", "purge", *arguments)
    assert outcome.exit_code == 2
    assert "either --before TIME or --all" in outcome.output

"""A worker in the wrong surroundings says what to do, in one line."""

import pytest

from openride_stream import preflight as module
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrate import migrate
from openride_stream.embedded.ports import free_port
from openride_stream.errors import ConfigurationError, Fatal
from openride_stream.kafka import codecs
from openride_stream.kafka.topics import create_topics
from openride_stream.preflight import preflight
from openride_stream.settings import Settings


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)


async def test_a_missing_key_is_named(store: ClickHouse, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="OPENRIDE_PII_KEY"):
        await preflight(settings.model_copy(update={"pii_key": Settings(_env_file=None).pii_key}), store)


async def test_a_codec_that_is_not_installed_is_named(
    store: ClickHouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(codecs.CODECS, "zstd", lambda: False)
    with pytest.raises(ConfigurationError, match=r"zstd.*install cramjam"):
        await preflight(settings, store)


async def test_a_schema_that_was_never_made_asks_for_migrate(clickhouse_url: str, settings: Settings) -> None:
    opened = ClickHouse.open(settings)
    try:
        with pytest.raises(Fatal, match=r"version 0.*openride migrate"):
            await preflight(settings, opened)
    finally:
        await opened.close()


async def test_missing_topics_ask_for_migrate(
    store: ClickHouse, settings: Settings, fresh_kafka: str
) -> None:
    given = settings.model_copy(update={"kafka_bootstrap_servers": fresh_kafka})
    with pytest.raises(ConfigurationError, match=r"\(and 18 more\).*openride migrate"):
        await preflight(given, store)


async def test_a_topic_with_another_partition_count_is_named(
    store: ClickHouse, settings: Settings, fresh_kafka: str
) -> None:
    given = settings.model_copy(update={"kafka_bootstrap_servers": fresh_kafka, "topic_partitions": 4})
    await create_topics(given)
    await preflight(given, store)
    with pytest.raises(ConfigurationError, match="OPENRIDE_TOPIC_PARTITIONS"):
        await preflight(given.model_copy(update={"topic_partitions": 6}), store)


async def test_a_broker_that_is_away_is_named(store: ClickHouse, settings: Settings) -> None:
    away = f"127.0.0.1:{free_port()}"
    with pytest.raises(Fatal, match=away):
        await preflight(settings.model_copy(update={"kafka_bootstrap_servers": away}), store)


async def test_a_store_that_is_away_is_named(settings: Settings) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    given = settings.model_copy(update={"clickhouse_url": url})
    opened = ClickHouse.open(given)
    try:
        with pytest.raises(Fatal, match="ClickHouse did not answer"):
            await preflight(given, opened)
    finally:
        await opened.close()


async def test_fit_surroundings_pass(store: ClickHouse, settings: Settings, fresh_kafka: str) -> None:
    given = settings.model_copy(update={"kafka_bootstrap_servers": fresh_kafka})
    await create_topics(given)
    await migrate(store, given)
    await preflight(given, store)

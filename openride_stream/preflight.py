"""What must be true before a worker starts; each failure is one line that says what to do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrate import current_version
from openride_stream.clickhouse.migrations import head
from openride_stream.errors import ConfigurationError, Fatal, Transient
from openride_stream.kafka.admin import open_admin, partition_counts
from openride_stream.kafka.codecs import missing_codecs
from openride_stream.kafka.topics import partition_problems
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

# Services that start together with the workers get a minute to come up.
ATTEMPTS = 60
_PAUSE_S = 1.0


async def preflight(settings: Settings, store: ClickHouse) -> None:
    """Check settings, codecs, schema and topics; waits for services that are still coming up.

    Raises:
        ConfigurationError: a setting or a codec is missing, or a topic has another partition count.
        Fatal: a service did not answer for a minute, or `openride migrate` has not run.
    """
    if not settings.pii_key.get_secret_value():
        message = "OPENRIDE_PII_KEY is not set: personal data needs the key of its HMAC"
        raise ConfigurationError(message)
    if missing := missing_codecs():
        message = f"records compressed with {', '.join(missing)} could not be read: install cramjam"
        raise ConfigurationError(message)
    await _patiently(lambda: _check_schema(store, settings))
    await _patiently(lambda: _check_topics(settings))


async def _check_schema(store: ClickHouse, settings: Settings) -> None:
    version = await current_version(store, settings.clickhouse_database)
    if version != head():
        message = (
            f"ClickHouse has schema version {version}, this program needs {head()}: run `openride migrate`"
        )
        raise Fatal(message)


async def _check_topics(settings: Settings) -> None:
    async with open_admin(settings) as admin:
        problems = partition_problems(await partition_counts(admin), settings.topic_partitions)
    if problems:
        first, *others = problems.values()
        more = f" (and {len(others)} more)" if others else ""
        message = f"{first}{more}: run `openride migrate`"
        raise ConfigurationError(message)


async def _patiently(check: Callable[[], Awaitable[None]]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await check()
        except Transient as error:
            if attempt == ATTEMPTS:
                raise Fatal(str(error)) from error
            logger.warning("Waiting: %s", error)
            await asyncio.sleep(_PAUSE_S)
        else:
            return

"""Questions to the cluster as a whole."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.away import broker_away
from openride_stream.kafka.connection import connection, refusal
from openride_stream.settings import Settings
from openride_stream.settings.kafka import KafkaSettings

REQUEST_TIMEOUT_MS: Final = 15_000


@asynccontextmanager
async def open_admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client of the brokers.

    Raises:
        BrokerUnavailable: no broker answered, or one failed while the client was in use.
    """
    admin = AIOKafkaAdminClient(**connection(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    except (KafkaError, TimeoutError, OSError) as error:
        away = broker_away(settings.kafka_bootstrap_servers, error)
        if (why := await refusal(settings)) is not None:
            away = BrokerUnavailable(f"{away}: {why}")
        raise away from error
    finally:
        await admin.close()


async def partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partition count of every topic of the cluster, by name.

    All topics are listed rather than some asked for: a broker may create a topic that it is asked about.
    """
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}


async def cluster_id(settings: Settings) -> str:
    """The id of the Kafka cluster; a cluster whose log began anew has another one.

    Raises:
        BrokerUnavailable: no broker answered.
    """
    async with open_admin(settings) as admin:
        description = await admin.describe_cluster()
    return str(description["cluster_id"])

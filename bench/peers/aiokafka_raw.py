"""aiokafka alone: reads, counts, does nothing else. No program on aiokafka can be faster."""

import uvloop
from aiokafka import AIOKafkaConsumer

from openride_stream.events.topics import TOPICS
from openride_stream.settings import Settings


async def _read(settings: Settings) -> None:
    consumer = AIOKafkaConsumer(
        *[topic.name for topic in TOPICS if topic.tier is None],
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.consumer_group,
        auto_offset_reset="earliest",
        session_timeout_ms=int(settings.broker_session_timeout_s * 1000),
        heartbeat_interval_ms=int(settings.broker_heartbeat_interval_s * 1000),
    )
    count = 0
    async with consumer:
        while True:
            fetched = await consumer.getmany(timeout_ms=200)
            if fetched:
                count += sum(len(records) for records in fetched.values())
                print(f"read {count}", flush=True)


if __name__ == "__main__":
    uvloop.run(_read(Settings()))

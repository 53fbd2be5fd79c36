from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from openride_stream.kafka.lag import group_lag
from openride_stream.kafka.topics import create_topics
from openride_stream.settings import Settings

TOPIC = "openride.events.trip"


async def test_lag_is_end_minus_committed_on_each_partition(settings: Settings) -> None:
    await create_topics(settings)
    bootstrap = settings.kafka_bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        batch = producer.create_batch()
        for _ in range(10):
            batch.append(key=None, value=b"{}", timestamp=None)
        await (await producer.send_batch(batch, TOPIC, partition=1))
    committed = TopicPartition(TOPIC, 1)
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=settings.consumer_group, enable_auto_commit=False
    ) as consumer:
        consumer.assign([committed])
        await consumer.commit({committed: 4})
    lags = await group_lag(settings, [TOPIC, "openride.no.such.topic"], mend_ends=True)
    assert [(entry.partition, entry.end, entry.committed, entry.lag) for entry in lags] == [
        (0, 0, None, 0),
        (1, 10, 4, 6),
        (2, 0, None, 0),
    ]

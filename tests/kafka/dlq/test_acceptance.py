"""An operator's word, kept by the broker."""

from aiokafka import AIOKafkaProducer

from openride_stream.kafka.dlq.acceptance import accept, accepted_until, ends_of
from openride_stream.kafka.topics import create_topics
from openride_stream.settings import Settings

TOPIC = "openride.events.trip"


async def test_what_is_accepted_is_known_to_every_worker(settings: Settings) -> None:
    await create_topics(settings)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for _ in range(4):
            await producer.send_and_wait(TOPIC, b"{", partition=1)
    partitions = [(TOPIC, number) for number in range(3)]
    assert await accepted_until(settings, partitions) == {}
    ends = await ends_of(settings, TOPIC)
    assert ends == {(TOPIC, 0): 0, (TOPIC, 1): 4, (TOPIC, 2): 0}
    await accept(settings, {(TOPIC, 1): ends[TOPIC, 1]})
    assert await accepted_until(settings, partitions) == {(TOPIC, 1): 4}


async def test_a_topic_that_does_not_exist_has_no_end(settings: Settings) -> None:
    assert await ends_of(settings, "openride.events.none") == {}

"""confluent-kafka, pydantic models, clickhouse-connect: rows in thousands, offsets committed behind them."""

from typing import Final

from confluent_kafka import Consumer, Message

from bench.peers.one_by_one import OneByOne, Read, model
from bench.peers.rows import TOPICS_READ, Rows
from openride_stream.errors import BrokerUnavailable
from openride_stream.settings import Settings

_BATCH_ROWS: Final = 1_000
_WAIT_S: Final = 0.5


def run(settings: Settings) -> None:
    """Read until the process is stopped."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": settings.consumer_group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": int(settings.broker_session_timeout_s * 1000),
            "heartbeat.interval.ms": int(settings.broker_heartbeat_interval_s * 1000),
        }
    )
    consumer.subscribe(TOPICS_READ)
    rows = Rows(settings)
    rules = OneByOne(settings, model)
    while True:
        messages = consumer.consume(_BATCH_ROWS, _WAIT_S)
        if messages:
            rows.insert(rules.row(*_read(message)) for message in messages)
            consumer.commit(asynchronous=False)


def _read(message: Message) -> tuple[str, int, Read]:
    if error := message.error():
        raise BrokerUnavailable(str(error))
    read = Read(message.offset() or 0, message.timestamp()[1], message.key(), message.value() or b"")
    return message.topic() or "", message.partition() or 0, read


if __name__ == "__main__":
    run(Settings())

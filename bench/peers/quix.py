"""Quix Streams: a validating step and a sink for each topic, as its documentation composes them."""

from typing import Any

from quixstreams import Application, message_context
from quixstreams.sinks import BaseSink

from bench.peers.one_by_one import OneByOne, Read, typed_dict
from bench.peers.rows import TOPICS_READ, Rows
from openride_stream.events.registry import Row
from openride_stream.settings import Settings


class ClickHouseSink(BaseSink):
    """Gathers the rows of all partitions and stores them at each checkpoint; Quix commits behind it.

    Quix's own batching sink writes each partition alone: 48 small inserts a checkpoint here.
    """

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self._rows = rows
        self._waiting: list[tuple[str, Row]] = []

    def add(self, value: Any, *place: Any, **named_place: Any) -> None:
        """Take one row with its table on."""
        del place, named_place
        self._waiting.append(value)

    def flush(self) -> None:
        """Store what was taken on since the last checkpoint."""
        taken, self._waiting = self._waiting, []
        self._rows.insert(taken)

    def on_paused(self) -> None:
        """What was not stored will be read again."""
        self._waiting.clear()


def run(settings: Settings) -> None:
    """Read until the process is stopped."""
    application = Application(
        broker_address=settings.kafka_bootstrap_servers,
        consumer_group=settings.consumer_group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        use_changelog_topics=False,
        commit_interval=0.5,
        commit_every=20_000,
        loglevel="WARNING",
        consumer_extra_config={
            "session.timeout.ms": int(settings.broker_session_timeout_s * 1000),
            "heartbeat.interval.ms": int(settings.broker_heartbeat_interval_s * 1000),
        },
    )
    rules = OneByOne(settings, typed_dict)
    sink = ClickHouseSink(Rows(settings))

    def to_row(value: bytes, key: Any, timestamp_ms: int, headers: Any) -> Any:
        del headers
        place = message_context()
        read = Read(place.offset, timestamp_ms, key, value)
        return rules.row(place.topic, place.partition, read)

    for name in TOPICS_READ:
        topic = application.topic(name, value_deserializer="bytes", key_deserializer="bytes")
        application.dataframe(topic).apply(to_row, metadata=True).sink(sink)
    application.run()


if __name__ == "__main__":
    run(Settings())

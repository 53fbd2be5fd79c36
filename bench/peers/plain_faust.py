"""A Faust application as its documentation teaches: an agent an event, a windowed table, batched inserts."""

import asyncio
from typing import Any, Final

import faust

from bench.peers.one_by_one import OneByOne, Read, model
from bench.peers.rows import TOPICS_READ, Rows
from openride_stream.events.registry import Row
from openride_stream.settings import Settings

_FLUSH_ROWS: Final = 20_000
_FLUSH_INTERVAL_S: Final = 0.5
_WINDOW_S: Final = 60.0


def create_app(settings: Settings) -> faust.App:
    """The application, with one agent a topic."""
    app = faust.App(
        "plain-faust",
        broker=f"kafka://{settings.kafka_bootstrap_servers}",
        store="memory://",
        datadir=settings.data_dir / "plain-faust",
        topic_partitions=settings.topic_partitions,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.broker_session_timeout_s,
        broker_heartbeat_interval=settings.broker_heartbeat_interval_s,
        autodiscover=False,
        web_enabled=False,
        # Faust sends each change of a table alone unless told to wait a moment for others.
        producer_linger_ms=20,
    )
    rows = Rows(settings)
    rules = OneByOne(settings, model)
    waiting: list[tuple[str, Row]] = []
    flushing = asyncio.Lock()

    async def flush() -> None:
        async with flushing:
            taken = waiting.copy()
            waiting.clear()
            if taken:
                await asyncio.to_thread(rows.insert, taken)

    app.timer(interval=_FLUSH_INTERVAL_S)(flush)
    for name in TOPICS_READ:
        _declare(app, name, rules, waiting, flush)
    return app


def _declare(app: faust.App, name: str, rules: OneByOne, waiting: list[tuple[str, Row]], flush: Any) -> None:
    label = name.rpartition(".")[2]
    topic = app.topic(name, value_type=bytes, value_serializer="raw", key_type=bytes, key_serializer="raw")
    counts = app.Table(f"{label}-counts", default=int).tumbling(_WINDOW_S, expires=10 * _WINDOW_S)

    @app.agent(topic, name=label)
    async def consume(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            read = Read(message.offset, int(message.timestamp * 1000), message.key, event.value)
            table, row = rules.row(message.topic, message.partition, read)
            counts[row["event_type"]] += 1
            waiting.append((table, row))
            if len(waiting) >= _FLUSH_ROWS:
                await flush()


if __name__ == "__main__":
    create_app(Settings()).main()

"""`openride emit`: single events to Kafka, from arguments, JSON or standard input."""

import asyncio
import logging
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import click
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from openride_stream.clock import SystemClock
from openride_stream.embedded.here import settings_here
from openride_stream.errors import BrokerUnavailable, Rejected
from openride_stream.events.decode import decode
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.records import RecordBatch
from openride_stream.events.topics import BY_NAME
from openride_stream.kafka.admin import open_admin, partition_counts
from openride_stream.kafka.connection import connection
from openride_stream.replay.dressing import retention_by_table
from openride_stream.replay.eventfiles import event_of_row
from openride_stream.replay.routing import TOPIC_BY_TIER, key_of, topic_of
from openride_stream.replay.story import rfc3339
from openride_stream.settings import Settings

PRODUCER_LIMIT_BYTES = 4_194_304


class NotAccepted(Rejected):
    """The worker would make a dead letter of the event; the message says why."""


class NothingToSend(Rejected):
    """No event was given."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record to emit; it also serves as the record that the local check decodes."""

    topic: str
    key: bytes | None
    value: bytes
    timestamp: int
    offset: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


@click.command()
@click.argument("event_type", required=False)
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--json", "text", help="The event as one JSON object.")
@click.option("--topic", help="Send to this topic, whatever the event's type.")
@click.option("--no-check", is_flag=True, help="Send it even when the worker will refuse it.")
def command(
    event_type: str | None, fields: tuple[str, ...], text: str | None, topic: str | None, no_check: bool
) -> None:
    """Send an event to Kafka and print where it went.

    EVENT_TYPE is one of the contract's (`openride schema` lists them), or a tier for a schedule execution:
    mongo_periodic, clickhouse_delayed, redis_immediate. Without EVENT_TYPE and --json, JSON Lines are read
    from standard input. A missing event_id and event_timestamp are filled in. Kafka is the one of the
    settings, or else that of the stack that runs in OPENRIDE_DATA_DIR.

    Example: openride emit user.activity user_id=9b2f… activity_type=login
    """
    (settings, _), now_ms = settings_here(), SystemClock().now_ms()
    drafts = [_draft(body, topic, now_ms) for body in _bodies(event_type, fields, text)]
    if not drafts:
        message = "nothing was sent: standard input held no event (one JSON object a line)"
        raise NothingToSend(message)
    if not no_check:
        for draft in drafts:
            check(draft, settings, now_ms)
    logging.disable(logging.CRITICAL)  # what aiokafka logs about a broker that is away is said by the error
    try:
        asyncio.run(_send(drafts, settings))
    finally:
        logging.disable(logging.NOTSET)


def _bodies(event_type: str | None, fields: tuple[str, ...], text: str | None) -> Iterator[dict[str, Any]]:
    if event_type is not None:
        if text is not None:
            message = "give either EVENT_TYPE or --json"
            raise click.UsageError(message)
        yield _from_arguments(event_type, fields)
    elif text is not None:
        yield _parsed(text, "--json")
    else:
        lines = click.get_text_stream("stdin", encoding="utf-8")
        if lines.isatty():
            click.echo(
                "Events as JSON, one a line; Ctrl-D ends. (`openride emit --help` has other ways.)", err=True
            )
        yield from (_parsed(line, f"line {n}") for n, line in enumerate(lines, 1) if line.strip())


def _from_arguments(event_type: str, fields: Iterable[str]) -> dict[str, Any]:
    name = "schedule_type" if event_type in TOPIC_BY_TIER else "event_type"
    cells = [(name, event_type)]
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals:
            message = f"{field} is not FIELD=VALUE"
            raise click.UsageError(message)
        cells.append((key, value))
    return event_of_row(cells)


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        body = orjson.loads(text)
    except ValueError as error:
        message = f"{where} is not JSON: {error}"
        raise click.UsageError(message) from error
    if not isinstance(body, dict):
        message = f"{where} is not a JSON object"
        raise click.UsageError(message)
    return body


def _draft(body: dict[str, Any], topic: str | None, now_ms: int) -> Draft:
    """The record of an event, with identity and time filled in."""
    topic = topic or topic_of(body)
    if topic is None:
        message = "no such event_type; `openride schema` lists them"
        raise click.UsageError(message)
    is_schedule = topic in TOPIC_BY_TIER.values()
    body.setdefault("analytics_id" if is_schedule else "event_id", str(uuid.uuid4()))
    body.setdefault("started_processing_at" if is_schedule else "event_timestamp", rfc3339(now_ms))
    key = key_of(topic, body)
    return Draft(topic, key.encode() if key else None, orjson.dumps(body), now_ms)


def check(draft: Draft, settings: Settings, now_ms: int) -> None:
    """Ask the worker's own decoder about a record.

    Raises:
        NotAccepted: the worker would refuse it.
    """
    if draft.topic not in BY_NAME:
        message = f"{draft.topic} is not a topic of the contract"
        raise NotAccepted(message)
    policy = DecodePolicy(
        cluster_id="",
        currency=settings.currency,
        pii_key=b"nothing of this check is kept",
        max_record_bytes=settings.max_record_bytes,
        max_ahead_ms=settings.max_ahead_s * 1000,
        retention_days=retention_by_table(settings),
    )
    for reject in decode(RecordBatch(draft.topic, 0, [draft]), policy, now_ms).rejects:
        message = f"not sent: {reject.error}: {reject.message}"
        raise NotAccepted(message)


async def _send(drafts: list[Draft], settings: Settings) -> None:
    async with open_admin(settings) as admin:
        existing = await partition_counts(admin)
    for draft in drafts:
        if draft.topic not in existing:
            message = f"Kafka has no topic {draft.topic}; `openride migrate` creates it"
            raise BrokerUnavailable(message)
    producer = AIOKafkaProducer(**connection(settings), acks="all", max_request_size=PRODUCER_LIMIT_BYTES)
    await producer.start()
    try:
        for draft in drafts:
            sent = await producer.send_and_wait(
                draft.topic, draft.value, key=draft.key, timestamp_ms=draft.timestamp
            )
            click.echo(f"{sent.topic} partition {sent.partition} offset {sent.offset}")
    except KafkaError as error:
        message = f"not acknowledged: {error!r}"
        raise BrokerUnavailable(message) from error
    finally:
        await producer.stop()

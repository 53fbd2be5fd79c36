"""Whether Kafka answers: soon known, and not a matter of one slow answer."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from openride_stream.kafka.contact import BrokerContact, Opinion
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.fixtures.broker import EmbeddedBroker


def test_one_answer_alone_changes_no_opinion() -> None:
    opinion = Opinion()
    heard = []
    for failure in ("slow", None, "slow", None, "slow", "gone", None, "gone", None, None, "slow"):
        opinion.hear(failure)
        heard.append(opinion.trouble)
    assert heard == [None, None, None, None, None, "gone", "gone", "gone", "gone", None, None]


@asynccontextmanager
async def contact_with(broker: EmbeddedBroker) -> AsyncIterator[tuple[BrokerContact, Metrics]]:
    metrics = Metrics()
    contact = BrokerContact(Settings(_env_file=None, kafka_bootstrap_servers=broker.bootstrap), metrics)
    try:
        yield contact, metrics
    finally:
        await contact._hang_up()


async def until(contact: BrokerContact, well: bool) -> None:
    deadline = time.monotonic() + 60
    while (contact.trouble is None) != well:
        assert time.monotonic() < deadline, contact.trouble
        await contact.look()


async def test_a_broker_that_freezes_and_thaws(
    start_broker: Callable[[], EmbeddedBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = start_broker()
    async with contact_with(broker) as (contact, metrics):
        await contact.ask()
        with broker.frozen(), monkeypatch.context() as patch:
            patch.setattr("openride_stream.kafka.contact.ANSWER_WITHIN_S", 0.3)
            await until(contact, well=False)
            assert contact.trouble == f"Kafka at {broker.bootstrap} does not answer"
            assert b"openride_broker_available 0.0" in metrics.render()
        await until(contact, well=True)
        assert b"openride_broker_available 1.0" in metrics.render()


async def test_a_broker_that_dies_and_comes_back(start_broker: Callable[[], EmbeddedBroker]) -> None:
    broker = start_broker()
    async with contact_with(broker) as (contact, _):
        await contact.ask()
        broker.kill()
        await until(contact, well=False)
        assert broker.bootstrap in str(contact.trouble)
        broker.start()
        await until(contact, well=True)

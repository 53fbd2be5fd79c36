"""A broker of each kind, with a topic and a consumer group of a test's own."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from openride_stream.settings import Settings
from tests.fixtures.broker import EmbeddedBroker
from tests.fixtures.services import required_service
from tests.transport.reading import create_topic, reader_settings


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest, start_broker: Callable[[], EmbeddedBroker]) -> str:
    if request.param == "apache":
        return required_service("OPENRIDE_TEST_KAFKA", "the host:port of an Apache Kafka")
    return start_broker().bootstrap


@pytest.fixture
async def topic(bootstrap: str) -> str:
    name = f"transport-{uuid.uuid4()}"
    await create_topic(bootstrap, name)
    return name


@pytest.fixture
def settings(bootstrap: str, tmp_path: Path) -> Settings:
    return reader_settings(bootstrap, f"transport-{uuid.uuid4()}", tmp_path)

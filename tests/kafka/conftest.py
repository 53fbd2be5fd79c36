"""What the Kafka tests share."""

import pytest

from openride_stream.settings import Settings


@pytest.fixture
def settings(fresh_kafka: str) -> Settings:
    return Settings(kafka_bootstrap_servers=fresh_kafka, topic_partitions=3, consumer_group="test-group")

"""Brokers that ask who we are: every client of ours tells them, and says why when it is not let in."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.admin import cluster_id
from openride_stream.settings import Settings
from tests.e2e.cluster import Cluster, openride
from tests.fixtures.services import required_service

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]

PASSWORD = "of tests"


def named(mechanism: str = "SCRAM-SHA-512", password: str = PASSWORD) -> dict[str, str]:
    meaning = "the host:port of an Apache Kafka that asks for a name by SASL"
    return {
        "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": required_service("OPENRIDE_TEST_KAFKA_SASL_SSL", meaning),
        "OPENRIDE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "OPENRIDE_KAFKA_SASL_MECHANISM": mechanism,
        "OPENRIDE_KAFKA_SASL_USERNAME": "openride",
        "OPENRIDE_KAFKA_SASL_PASSWORD": password,
        "OPENRIDE_KAFKA_SSL_CA_FILE": str(certificates() / "ca.pem"),
    }


def certified() -> dict[str, str]:
    meaning = "the host:port of an Apache Kafka that asks for a certificate"
    return {
        "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": required_service("OPENRIDE_TEST_KAFKA_SSL", meaning),
        "OPENRIDE_KAFKA_SECURITY_PROTOCOL": "SSL",
        "OPENRIDE_KAFKA_SSL_CA_FILE": str(certificates() / "ca.pem"),
        "OPENRIDE_KAFKA_SSL_CERT_FILE": str(certificates() / "client.crt"),
        "OPENRIDE_KAFKA_SSL_KEY_FILE": str(certificates() / "client.key"),
    }


def certificates() -> Path:
    return Path(required_service("OPENRIDE_TEST_KAFKA_CERTIFICATES", "the folder of their certificates"))


def settings(given: dict[str, str]) -> Settings:
    return Settings(
        _env_file=None, **{name.removeprefix("OPENRIDE_").lower(): value for name, value in given.items()}
    )


@pytest.fixture
def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    given = named() if request.param == "named" else certified()
    made = Cluster(tmp_path, given["OPENRIDE_KAFKA_BOOTSTRAP_SERVERS"], more=given)
    yield made
    made.stop()


@pytest.mark.parametrize("cluster", ["named", "certified"], indirect=True)
def test_events_letters_live_tables_and_commands_go_through(cluster: Cluster) -> None:
    cluster.start(1)
    cluster.replay("--max", "--limit", "40", "--bad", "0.1")
    cluster.settle()
    stored = cluster.clickhouse.query("SELECT count() FROM openride_analytics.events_raw").strip()
    letters = cluster.clickhouse.query("SELECT count() FROM openride_analytics.dead_letters").strip()
    assert int(stored) > 40
    assert int(letters) > 0
    assert "as_of" in cluster.get("/v1/metrics/realtime")
    for command in (["doctor"], ["dlq", "stats"], ["workers"]):
        done = subprocess.run(
            [*openride(command[0]), *command[1:]],
            env=cluster.env,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_every_mechanism_lets_in_who_has_the_password(mechanism: str) -> None:
    assert await cluster_id(settings(named(mechanism)))
    with pytest.raises(BrokerUnavailable, match=r"SASL_SSL: .*(Authentication|credentials)"):
        await cluster_id(settings(named(mechanism, "not it")))


async def test_a_broker_that_nobody_vouches_for_is_not_talked_to() -> None:
    given = named() | {"OPENRIDE_KAFKA_SSL_CA_FILE": ""}
    with pytest.raises(BrokerUnavailable, match=r"SASL_SSL: .*certificate verify failed"):
        await cluster_id(settings(given))


async def test_a_broker_that_asks_for_a_certificate_says_so() -> None:
    given = certified() | {"OPENRIDE_KAFKA_SSL_CERT_FILE": "", "OPENRIDE_KAFKA_SSL_KEY_FILE": ""}
    with pytest.raises(BrokerUnavailable, match=r"SSL: "):
        await cluster_id(settings(given))

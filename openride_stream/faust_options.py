"""Faust's own settings, from ours."""

from typing import Any

from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from openride_stream.kafka.connection import ssl_context
from openride_stream.logs import logging_config
from openride_stream.runtime import worker_name
from openride_stream.settings import Settings


def faust_options(settings: Settings) -> dict[str, Any]:
    """What `faust.App` is given."""
    servers = [server.strip() for server in settings.kafka_bootstrap_servers.split(",") if server.strip()]
    return {
        "broker": [f"kafka://{server}" for server in servers],
        "broker_credentials": credentials(settings),
        "autodiscover": False,
        "datadir": settings.data_dir / "faust" / str(settings.web_port),
        "store": "memory://",
        "topic_partitions": settings.topic_partitions,
        "topic_replication_factor": settings.topic_replication,
        "topic_disable_leader": True,
        "broker_session_timeout": settings.broker_session_timeout_s,
        "broker_heartbeat_interval": settings.broker_heartbeat_interval_s,
        "broker_commit_interval": 1.0,
        "broker_max_poll_records": 5_000,
        "consumer_auto_offset_reset": "earliest",
        "stream_buffer_maxsize": 16,
        "stream_wait_empty": False,
        "web_bind": settings.web_host,
        "web_host": settings.web_host,
        "web_port": settings.web_port,
        "web_tables_enabled": False,
        "logging_config": logging_config(settings, worker_name()),
    }


def credentials(settings: Settings) -> CredentialsT | None:
    """Who Faust's own clients are, as `connection` has it for ours; None where nobody asks.

    Raises:
        Fatal: a file of certificates cannot be read.
    """
    context = ssl_context(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        return SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            ssl_context=context,
            mechanism=settings.kafka_sasl_mechanism,
        )
    return None if context is None else SSLCredentials(context)

"""Settings of Kafka."""

from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator


class KafkaSettings(BaseModel):
    """Where the brokers are, and how they are read."""

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Comma-separated host:port list of Kafka brokers."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, as Kafka calls them."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512",
        description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, where the protocol is a SASL one.",
    )
    kafka_sasl_username: str = Field("", description="Who we are to Kafka, where the protocol is a SASL one.")
    kafka_sasl_password: SecretStr = Field(SecretStr(""), description="And the password.")
    kafka_ssl_ca_file: str = Field(
        "", description="PEM file of the authorities that vouch for the brokers; empty: the system's."
    )
    kafka_ssl_cert_file: str = Field(
        "", description="PEM file of our certificate, with the chain behind it, where brokers ask for one."
    )
    kafka_ssl_key_file: str = Field(
        "", description="PEM file of its key, not encrypted; empty: in the certificate's file."
    )
    kafka_end_offset_probe: bool = Field(
        True,
        description="Ask the broker at start whether its end offsets are true, and mend them when they are "
        "not (the embedded broker's fault; never the case on Apache Kafka).",
    )
    consumer_group: str = Field(
        "openride-stream", description="Consumer group; workers of one group share partitions."
    )
    topic_partitions: int = Field(8, ge=1, description="Partitions of every topic (all must be equal).")
    topic_replication: int = Field(1, ge=1, description="Replication factor of topics that we create.")
    broker_session_timeout_s: float = Field(
        30.0, gt=0, description="A worker silent for this long loses its partitions."
    )
    broker_heartbeat_interval_s: float = Field(
        3.0, gt=0, description="Seconds between a worker's heartbeats."
    )

    fetch_max_wait_ms: int = Field(
        300, ge=1, le=5_000, description="Longest that a broker may hold a fetch for more records to come."
    )
    fetch_min_bytes: int = Field(
        1_048_576,
        ge=1,
        description="A fetch is answered as soon as so many bytes are there: larger batches cost less each "
        "event.",
    )

    @model_validator(mode="after")
    def _known_to_the_brokers(self) -> Self:
        protocol = self.kafka_security_protocol
        if protocol.startswith("SASL"):
            for name in ("kafka_sasl_username", "kafka_sasl_password"):
                if not getattr(self, name):
                    message = (
                        f"OPENRIDE_{name.upper()}: OPENRIDE_KAFKA_SECURITY_PROTOCOL {protocol} takes one"
                    )
                    raise ValueError(message)
        for name in ("kafka_ssl_ca_file", "kafka_ssl_cert_file", "kafka_ssl_key_file"):
            if getattr(self, name) and not protocol.endswith("SSL"):
                message = f"{_env(name)}: {_env('kafka_security_protocol')} {protocol} uses no certificates"
                raise ValueError(message)
        if self.kafka_ssl_key_file and not self.kafka_ssl_cert_file:
            message = "OPENRIDE_KAFKA_SSL_KEY_FILE: OPENRIDE_KAFKA_SSL_CERT_FILE, whose key it is, is not set"
            raise ValueError(message)
        return self


def _env(name: str) -> str:
    """The variable that a setting is read from."""
    return f"OPENRIDE_{name.upper()}"

"""What clients are told of brokers that ask who we are, and what is said of settings that do not fit."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from faust.auth import SASLCredentials
from pydantic import ValidationError

from openride_stream.errors import Fatal
from openride_stream.faulty_settings import refused
from openride_stream.faust_options import credentials
from openride_stream.kafka.connection import connection
from openride_stream.settings import Settings

SASL: dict[str, Any] = {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_username": "us",
    "kafka_sasl_password": "a secret",
}

PROTOCOL = "OPENRIDE_KAFKA_SECURITY_PROTOCOL"


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def test_brokers_that_ask_nobody_are_told_nothing() -> None:
    given = connection(settings(kafka_bootstrap_servers="a:1,b:2"))
    assert given == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }
    assert credentials(settings()) is None


def test_faust_and_our_own_clients_say_the_same() -> None:
    given, faust = connection(settings(**SASL)), credentials(settings(**SASL))
    assert isinstance(faust, SASLCredentials)
    assert (given["sasl_plain_username"], given["sasl_plain_password"]) == (faust.username, faust.password)
    assert (given["security_protocol"], given["sasl_mechanism"]) == (
        faust.protocol.value,
        faust.mechanism.value,
    )
    assert isinstance(given["ssl_context"], ssl.SSLContext)
    assert given["ssl_context"] is faust.ssl_context


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {**SASL, "kafka_sasl_username": ""},
            f"OPENRIDE_KAFKA_SASL_USERNAME: {PROTOCOL}",
        ),
        (
            {**SASL, "kafka_sasl_password": ""},
            f"OPENRIDE_KAFKA_SASL_PASSWORD: {PROTOCOL}",
        ),
        (
            {"kafka_ssl_ca_file": "ca.pem"},
            f"OPENRIDE_KAFKA_SSL_CA_FILE: {PROTOCOL} PLAINTEXT",
        ),
        (
            {"kafka_security_protocol": "SSL", "kafka_ssl_key_file": "our.key"},
            "OPENRIDE_KAFKA_SSL_KEY_FILE: OPENRIDE_KAFKA_SSL_CERT_FILE, whose key it is, is not set",
        ),
        ({"kafka_security_protocol": "TLS"}, f"{PROTOCOL}: Input should be 'PLAINTEXT'"),
    ],
)
def test_settings_that_do_not_fit_are_named(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as raised:
        settings(**given)
    (said,) = refused(raised.value)
    assert said.startswith(sentence)
    assert "a secret" not in said


@pytest.mark.parametrize("name", ["kafka_ssl_ca_file", "kafka_ssl_cert_file"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | None) -> None:
    path = tmp_path / "some.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Fatal, match=f"OPENRIDE_{name.upper()} {path}: "):
        connection(settings(kafka_security_protocol="SSL", **{name: str(path)}))

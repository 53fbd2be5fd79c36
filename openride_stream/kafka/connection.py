"""How the brokers are reached, and how they know us: what every client of ours is given."""

import asyncio
import ssl
from functools import lru_cache
from typing import Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError

from openride_stream.errors import Fatal
from openride_stream.kafka import closed_connections  # noqa: F401  # for what it mends
from openride_stream.settings.kafka import KafkaSettings

_ASKED_WITHIN_S: Final = 5.0


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of any aiokafka client.

    Raises:
        Fatal: a file of certificates cannot be read.
    """
    given: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": ssl_context(settings),
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        given |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password.get_secret_value(),
        }
    return given


def ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """What TLS to the brokers is set up with; None where there is none.

    Raises:
        Fatal: a file of certificates cannot be read.
    """
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    return _context(settings.kafka_ssl_ca_file, settings.kafka_ssl_cert_file, settings.kafka_ssl_key_file)


async def refusal(settings: KafkaSettings) -> str | None:
    """Why the first broker that takes a connection does not take us; None where none refuses.

    aiokafka tells its log only, and the caller that no broker could be reached.
    """
    if settings.kafka_security_protocol == "PLAINTEXT":
        return None
    given = connection(settings)
    for server in given.pop("bootstrap_servers").split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            async with asyncio.timeout(_ASKED_WITHIN_S):
                connected = await create_conn(host, int(port), **given)
        except (KafkaError, ssl.SSLError) as error:
            return f"{settings.kafka_security_protocol}: {str(error) or type(error).__name__}"
        except (OSError, ValueError, TimeoutError):
            continue
        connected.close()
        return None
    return None


# Reading the system's authorities takes some 20 ms, and commands open several clients.
@lru_cache(8)
def _context(ca_file: str, cert_file: str, key_file: str) -> ssl.SSLContext:
    reading = f"OPENRIDE_KAFKA_SSL_CA_FILE {ca_file}"
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        if cert_file:
            reading = f"OPENRIDE_KAFKA_SSL_CERT_FILE {cert_file}"
            # An encrypted key would have OpenSSL ask for its password on the terminal.
            context.load_cert_chain(cert_file, key_file or None, password=_no_password)
    except (OSError, ValueError) as error:
        message = f"{reading}: {error.strerror if isinstance(error, FileNotFoundError) else error}"
        raise Fatal(message) from error
    return context


def _no_password() -> str:
    message = "its key is encrypted; give one that is not"
    raise ValueError(message)

"""What is said of a Kafka that cannot be had."""

from typing import Final

from aiokafka.errors import KafkaConnectionError

from openride_stream.errors import BrokerUnavailable

# How aiokafka says that none of the addresses took a connection; the rest of it is a tuple of sockets.
_NOBODY_THERE: Final = "Unable to bootstrap"


def broker_away(bootstrap: str, error: BaseException) -> BrokerUnavailable:
    """The error to raise from `error`, which came of talking to the brokers at `bootstrap`."""
    if isinstance(error, KafkaConnectionError) and _NOBODY_THERE in str(error):
        return BrokerUnavailable(f"Kafka at {bootstrap} cannot be reached")
    if isinstance(error, TimeoutError):
        return BrokerUnavailable(f"Kafka at {bootstrap} does not answer")
    return BrokerUnavailable(f"Kafka at {bootstrap}: {str(error) or type(error).__name__}")

"""Free and taken ports of the loopback interface."""

import random
import socket
from typing import Final

from openride_stream.errors import ConfigurationError

LOOPBACK: Final = "127.0.0.1"
# Below the ephemeral range of Linux and macOS: a child that is restarted finds its port still free,
# because no outgoing connection is ever given one of these.
FREE_PORTS: Final = range(20_000, 32_000)
_ATTEMPTS: Final = 200


def is_free(port: int) -> bool:
    """Whether a server could bind `port` on the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a server that has gone (TIME_WAIT) do not make its port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port(avoid: frozenset[int] = frozenset()) -> int:
    """A loopback port that nothing listens on and that is not in `avoid`.

    Raises:
        ConfigurationError: no free port was found.
    """
    generator = random.SystemRandom()
    for _ in range(_ATTEMPTS):
        port = generator.choice(FREE_PORTS)
        if port not in avoid and is_free(port):
            return port
    message = f"no free port between {FREE_PORTS.start} and {FREE_PORTS.stop} on {LOOPBACK}"
    raise ConfigurationError(message)


def require_free(port: int, option: str) -> None:
    """Check that `port` can be bound; `option` is what the user would change.

    Raises:
        ConfigurationError: the port is taken.
    """
    if not is_free(port):
        message = (
            f"port {port} on {LOOPBACK} is taken by another program; choose another one with {option} N "
            f'(`make up ARGS="{option} N"`)'
        )
        raise ConfigurationError(message)

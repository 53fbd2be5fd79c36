import socket

import pytest

from openride_stream.embedded.ports import LOOPBACK, free_port, is_free, require_free
from openride_stream.errors import ConfigurationError


def test_a_free_port_can_be_bound_and_is_none_of_those_to_avoid() -> None:
    first = free_port()
    assert is_free(first)
    assert free_port(avoid=frozenset({first})) != first


def test_a_taken_port_is_named_with_the_option_to_change() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(ConfigurationError, match=f"port {port} .* is taken .* --port"):
            require_free(port, "--port")
    require_free(port, "--port")

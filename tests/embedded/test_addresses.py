import socket
from pathlib import Path

import pytest

from openride_stream.embedded.addresses import WantedPorts, choose_addresses, remember, remembered
from openride_stream.embedded.ports import LOOPBACK, free_port
from openride_stream.errors import ConfigurationError


def test_every_server_has_a_port_of_its_own_and_the_first_worker_the_wanted_one() -> None:
    port = free_port()
    addresses = choose_addresses(WantedPorts(port), 3)
    assert len({*addresses.web_ports, addresses.kafka_port, addresses.clickhouse_port}) == 5
    assert addresses.web[0] == f"http://{LOOPBACK}:{port}"


def test_a_taken_port_is_refused() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(ConfigurationError, match="--port"):
            choose_addresses(WantedPorts(taken), 1)
        with pytest.raises(ConfigurationError, match="--kafka-port"):
            choose_addresses(WantedPorts(free_port(), kafka=taken), 1)


def test_one_port_for_two_servers_is_refused() -> None:
    port = free_port()
    with pytest.raises(ConfigurationError, match="--clickhouse-port must differ"):
        choose_addresses(WantedPorts(port, clickhouse=port), 1)


def test_the_next_start_has_the_ports_of_the_last_one_as_far_as_they_are_free(tmp_path: Path) -> None:
    first = choose_addresses(WantedPorts(free_port()), 3)
    remember(tmp_path, first)
    last = remembered(tmp_path)
    assert last == first
    assert choose_addresses(WantedPorts(first.web_ports[0]), 3, last) == first
    with socket.create_server((LOOPBACK, first.kafka_port)):
        again = choose_addresses(WantedPorts(first.web_ports[0]), 2, last)
    assert again.kafka_port != first.kafka_port
    assert again.clickhouse_port == first.clickhouse_port
    assert again.web_ports == first.web_ports[:2]


def test_ports_that_are_asked_for_come_before_those_of_the_last_start() -> None:
    last = choose_addresses(WantedPorts(free_port()), 1)
    wanted = WantedPorts(free_port(), kafka=free_port(), clickhouse=last.kafka_port)
    addresses = choose_addresses(wanted, 1, last)
    assert (addresses.kafka_port, addresses.clickhouse_port) == (wanted.kafka, last.kafka_port)


def test_what_cannot_be_read_counts_as_no_last_start(tmp_path: Path) -> None:
    assert remembered(tmp_path) is None
    (tmp_path / "ports.json").write_text('{"kafka_port": "x"}')
    assert remembered(tmp_path) is None

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from openride_stream.embedded.broker import broker_answers, broker_argv, broker_binary
from openride_stream.embedded.ports import LOOPBACK, free_port
from openride_stream.errors import ConfigurationError


def test_each_start_has_a_cluster_id_of_its_own() -> None:
    first, second = broker_argv(20_000), broker_argv(20_000)
    assert [a for a in first if a not in second] != []
    assert broker_argv(20_000, "fixed") == broker_argv(20_000, "fixed")


def test_the_broker_runs_where_it_was_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CALF_TANSU_BIN", raising=False)
    assert os.access(broker_binary(), os.X_OK)
    assert list(tmp_path.iterdir()) == [], "nothing is put into the home folder"


def test_a_broker_of_the_user_s_own_that_cannot_run_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", "/nonexistent")
    with pytest.raises(ConfigurationError, match="/nonexistent"):
        broker_binary()


def test_only_the_loopback_interface_is_bound_and_advertised() -> None:
    urls = [argument for argument in broker_argv(20_000) if argument.startswith("tcp://")]
    assert urls == [f"tcp://{LOOPBACK}:20000"] * 2


def test_a_broker_answers(fresh_kafka: str) -> None:
    assert broker_answers(int(fresh_kafka.rpartition(":")[2]))


def test_silence_and_other_servers_are_no_broker() -> None:
    assert not broker_answers(free_port())
    with socket.create_server((LOOPBACK, 0)) as server:
        answering = threading.Thread(target=lambda: _answer_once(server))
        answering.start()
        assert not broker_answers(server.getsockname()[1])
        answering.join()


def test_a_second_broker_on_a_port_ends_by_itself(fresh_kafka: str) -> None:
    port = int(fresh_kafka.rpartition(":")[2])
    second = subprocess.run(broker_argv(port), capture_output=True, timeout=20, check=False)
    assert b"AddrInUse" in second.stdout + second.stderr
    assert broker_answers(port)


def _answer_once(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

import socket
import subprocess
import threading

from openride_stream.embedded.broker import broker_answers, broker_argv
from openride_stream.embedded.ports import LOOPBACK, free_port


def test_each_start_has_a_cluster_id_of_its_own() -> None:
    first, second = broker_argv(20_000), broker_argv(20_000)
    assert [a for a in first if a not in second] != []
    assert broker_argv(20_000, "fixed") == broker_argv(20_000, "fixed")


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

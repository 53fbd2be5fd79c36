import os
import subprocess
import sys
import time

import pytest

from tests.fixtures.clickhouse import free_port

RUNNING = "SELECT query FROM system.processes WHERE query NOT LIKE '%processes%'"


def until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def exit_code(server):
    server.spawn()
    return server.child.wait(60)


def test_tables_survive_a_stop_and_a_start(clickhouse_server):
    server = clickhouse_server().start()
    server.query("CREATE DATABASE kept")
    for table in ("kept.t", "default.t"):
        server.query(f"CREATE TABLE {table} (a UInt32) ENGINE = MergeTree ORDER BY a")
        server.query(f"INSERT INTO {table} VALUES (1)")
    assert server.stop() == 0
    server.start()
    assert server.query("SELECT * FROM kept.t") == "1\n"
    assert server.query("SELECT * FROM default.t") == "1\n"
    with pytest.raises(RuntimeError, match="UNKNOWN_TABLE"):
        server.query('SELECT * FROM "/etc/hostname"')
    assert server.stop() == 0
    assert all(line.startswith("{") for line in server.log.splitlines())


def test_an_untouched_default_database_opens_again_after_a_kill(clickhouse_server):
    server = clickhouse_server().start()
    for _ in range(2):
        server.restart()
        assert server.query("SELECT engine FROM system.databases WHERE name = 'default'") == "Atomic\n"
    server.query("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    server.query("INSERT INTO t VALUES (1)")
    for _ in range(2):
        server.restart()
        assert server.query("SELECT * FROM t") == "1\n"
    server.query("DROP TABLE t SYNC")
    assert server.restart().query("SELECT engine FROM system.databases WHERE name = 'default'") == "Atomic\n"


def test_a_folder_in_use_is_one_clear_line_and_exit_code_2(clickhouse_server):
    server = clickhouse_server().start()
    second = clickhouse_server(path=server.path)
    second.log_path = server.path.with_name("second.log")
    assert exit_code(second) == 2
    assert len(second.log.splitlines()) == 1
    assert "in use by another process" in second.log
    assert server.answers()


def test_a_taken_port_is_one_clear_line_and_exit_code_2(clickhouse_server):
    server = clickhouse_server().start()
    second = clickhouse_server(port=server.port)
    assert exit_code(second) == 2
    assert len(second.log.splitlines()) == 1
    assert f"port {server.port} cannot be bound" in second.log


def test_a_folder_that_cannot_be_made_is_one_clear_line_and_exit_code_2(clickhouse_server, tmp_path):
    (tmp_path / "file").touch()
    server = clickhouse_server(path=tmp_path / "file" / "below")
    server.log_path = tmp_path / "below.log"
    assert exit_code(server) == 2
    assert "cannot be used" in server.log


def test_a_running_statement_is_finished_before_the_stop(clickhouse_server, tmp_path):
    server = clickhouse_server().start()
    client = f"""
import urllib.request
request = urllib.request.Request({server.url!r}, b"SELECT sleep(1.5), 'finished'")
print(urllib.request.urlopen(request).read().decode())
"""
    asking = subprocess.Popen([sys.executable, "-c", client], stdout=subprocess.PIPE, text=True)
    until(lambda: "finished" in server.query(RUNNING))
    assert server.stop() == 0
    assert "finished" in asking.communicate(timeout=20)[0]


def test_a_statement_that_does_not_end_is_stopped_with_the_server(clickhouse_server):
    server = clickhouse_server().start()
    url = (
        f"{server.url}/?query=SELECT+count()+FROM+numbers(1000000000000)+WHERE+NOT+ignore(sipHash64(number))"
    )
    asking = subprocess.Popen(
        [sys.executable, "-c", f"import urllib.request; urllib.request.urlopen({url!r})"],
        stderr=subprocess.DEVNULL,
    )
    until(lambda: server.query("SELECT count() FROM system.processes") == "2\n")
    assert server.stop() == 0
    asking.wait(20)


def test_the_process_ends_with_its_parent(tmp_path):
    port = free_port()
    parent = f"""
import os, subprocess, sys, time, urllib.request
command = [sys.executable, "-m", "openride_stream.embedded.clickhouse", "--path", {str(tmp_path / "d")!r}]
child = subprocess.Popen([*command, "--port", "{port}", "--parent-pid", str(os.getpid())])
while True:
    try:
        urllib.request.urlopen("http://127.0.0.1:{port}/ping").read()
        break
    except OSError:
        time.sleep(0.05)
print(child.pid, flush=True)
os._exit(1)
"""
    found = subprocess.run(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    pid = int(found.stdout)

    def gone():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"

    until(gone)


def test_memory_is_capped_for_all_statements_together(clickhouse_server):
    server = clickhouse_server("--memory-limit-bytes", str(700 * 1024**2)).start()
    with pytest.raises(RuntimeError, match="MEMORY_LIMIT_EXCEEDED"):
        server.query("SELECT length(groupArray(number)) FROM numbers(300000000)")
    assert server.query("SELECT 1") == "1\n"


def test_a_password_is_asked_for_when_one_is_set(clickhouse_server):
    server = clickhouse_server("--password-env", "STORE_PASSWORD", STORE_PASSWORD="secret").start()
    with pytest.raises(RuntimeError, match="AUTHENTICATION_FAILED"):
        server.query("SELECT 1")
    assert server.query("SELECT 1", user="default", password="secret") == "1\n"
    assert "secret" not in server.log


HOLD_THE_ONLY_SLOT = """
import time, urllib.error, urllib.request
while True:
    try:
        urllib.request.urlopen({url!r})
    except urllib.error.HTTPError:
        time.sleep(0.02)
"""


def test_overload_is_said_with_503(clickhouse_server):
    server = clickhouse_server("--concurrency", "1", "--queue", "0").start()
    url = f"{server.url}/?query=SELECT+sleepEachRow(1)+FROM+numbers(60)+SETTINGS+max_block_size=1"
    asking = subprocess.Popen([sys.executable, "-c", HOLD_THE_ONLY_SLOT.format(url=url)])

    def overloaded():
        try:
            server.query("SELECT 1")
        except RuntimeError as error:
            return str(error).startswith("Code: 202.")
        return False

    try:
        until(overloaded)
    finally:
        asking.kill()
        asking.wait()
    until(lambda: not overloaded())

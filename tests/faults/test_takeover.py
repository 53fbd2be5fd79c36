"""A worker is killed while it writes an export and mails a report: the next one ends both, once."""

import asyncio
import csv
import io
import json
import signal
import threading
import urllib.request
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.e2e.cluster import ALONE, Cluster
from tests.fixtures.broker import EmbeddedBroker
from tests.fixtures.clickhouse import free_port

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

ROWS = 900_000
QUERY = (
    f"SELECT trip_id, n FROM trip_events ARRAY JOIN range({ROWS}) AS n WHERE event_type = 'trip.completed'"
)
DAILY = {
    "report_name": "Users of the day",
    "report_type": "user_metrics",
    "frequency": "daily",
    "timezone": "Africa/Lagos",
    "format": "csv",
    "recipients": ["ada@example.org"],
}


class Inbox:
    """Takes mails; its first yes comes too late for who sent it."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.taken, self.answering = threading.Event(), threading.Event()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.taken.set()
        await asyncio.to_thread(self.answering.wait, 120)
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    handler, port = Inbox(), free_port()
    server = Controller(handler, hostname="127.0.0.1", port=port)
    server.start()
    yield handler, port
    handler.answering.set()
    server.stop()


@pytest.fixture
def cluster(tmp_path: Path, inbox: tuple[Inbox, int]) -> Iterator[Cluster]:
    broker = EmbeddedBroker(tmp_path / "broker.log").start()
    mail = {
        "OPENRIDE_SMTP_HOST": "127.0.0.1",
        "OPENRIDE_SMTP_PORT": str(inbox[1]),
        "OPENRIDE_SMTP_TLS": "none",
    }
    made = Cluster(tmp_path, broker.bootstrap, more=ALONE | mail)
    made.start(workers=1)
    yield made
    made.stop()
    broker.kill()


def ask(cluster: Cluster, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the newest worker answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{cluster.workers[-1].url}/v1/{path}", data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = answer.read()
        return json.loads(found) if answer.headers.get_content_type() == "application/json" else found


def test_who_comes_after_ends_what_a_killed_worker_began(cluster: Cluster, inbox: tuple[Inbox, int]) -> None:
    handler, _ = inbox
    cluster.replay("--max", "--limit", "1")
    cluster.settle()
    schedule_id = ask(cluster, "POST", "reports/schedule", DAILY)["schedule_id"]
    run_id = ask(cluster, "POST", f"reports/schedule/{schedule_id}/execute")["execution_id"]
    cluster.wait_for(handler.taken.is_set, "mail")
    export_id = ask(cluster, "POST", "exports/request", {"query": QUERY, "format": "excel"})["export_id"]

    def under_way() -> bool:
        status = ask(cluster, "GET", f"exports/{export_id}/status")
        assert status["status"] in ("pending", "processing"), status
        return bool(0 < status["rows"] < ROWS)

    cluster.wait_for(under_way, "export under way")
    cluster.workers[0].end(signal.SIGKILL)
    handler.answering.set()
    cluster.workers[0] = cluster.new_worker("successor")
    cluster.workers[0].start()
    cluster.wait_for(cluster.workers[0].ready, "successor")

    def ended() -> bool:
        export = ask(cluster, "GET", f"exports/{export_id}/status")
        run = ask(cluster, "GET", f"reports/executions/{run_id}")
        assert "failed" not in (export["status"], run["status"]), (export, run)
        return bool(export["status"] == run["status"] == "completed")

    cluster.wait_for(ended, "export and report")
    assert ask(cluster, "GET", f"exports/{export_id}/status")["rows"] == ROWS
    assert len(list((cluster.folder / "exports").rglob("*.xlsx"))) == 1
    # The server had said yes to nobody: the mail comes again, and is known for the same one.
    assert len(handler.mails) == 2
    assert len({mail["Message-ID"] for mail in handler.mails}) == 1
    (attached,) = handler.mails[-1].iter_attachments()
    assert len([*csv.reader(io.StringIO(attached.get_content()))]) > 1
    assert len(ask(cluster, "GET", f"reports/schedule/{schedule_id}/executions")["executions"]) == 1

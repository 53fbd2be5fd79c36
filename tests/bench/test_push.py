"""`openride bench push`, small."""

import json
import os

import pytest
from click.testing import CliRunner

from bench import push
from openride_stream.cli.bench import command
from tests.fixtures.tracing import untraced


@pytest.mark.e2e
def test_clients_of_both_ways_hear_an_answer_a_second_while_events_come_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A worker that joins waits half of it, and nothing else here does.
    monkeypatch.setattr(push, "_SESSION_TIMEOUT_S", 3.0)
    for traced in os.environ.keys() - untraced(os.environ).keys():
        monkeypatch.delenv(traced)
    options = ["--clients", "20", "--events", "1000", "--rate", "2000", "--repeats", "1", "--json"]
    done = CliRunner().invoke(command, ["push", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert 0 < found["with"]["p50_ms"] <= found["with"]["p95_ms"]
    assert found["p95_ratio"]["median"] > 0
    (heard,) = found["heard"]
    assert heard["clients"] == 20
    assert 5 < heard["answers_per_s"] <= 21

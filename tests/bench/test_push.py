"""`openride bench push` as it is typed, small."""

import json
import os
import subprocess
import sys

import pytest

from tests.fixtures.tracing import untraced


@pytest.mark.e2e
def test_clients_of_both_ways_hear_an_answer_a_second_while_events_come_in() -> None:
    command = [sys.executable, "-m", "openride_stream", "bench", "push", "--json"]
    options = ["--clients", "20", "--events", "1000", "--rate", "1000", "--repeats", "1"]
    done = subprocess.run(
        [*command, *options],
        env=untraced(os.environ),
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert 0 < found["with"]["p50_ms"] <= found["with"]["p95_ms"]
    assert found["p95_ratio"] > 0
    (heard,) = found["heard"]
    assert heard["clients"] == 20
    assert 5 < heard["answers_per_s"] <= 21

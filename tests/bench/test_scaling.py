"""`openride bench scaling` as it is typed, small."""

import json
import os
import subprocess
import sys

import pytest

from tests.fixtures.tracing import untraced


@pytest.mark.e2e
def test_two_workers_are_compared_with_one() -> None:
    argv = [sys.executable, "-m", "openride_stream", "bench", "scaling", "--events", "2000", "--repeats", "1"]
    done = subprocess.run(
        [*argv, "--json"], env=untraced(os.environ), capture_output=True, text=True, timeout=220, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["workers"] for row in rows] == [1, 2]
    assert all(row["events_per_s"] > 0 for row in rows)

"""`openride bench soak` as it is typed, small."""

import json
import os
import subprocess
import sys

import pytest

from bench.payloads import payloads, renewed
from tests.fixtures.tracing import untraced


@pytest.mark.e2e
def test_a_slow_store_ends_with_every_event_stored_and_the_memory_told() -> None:
    command = [sys.executable, "-m", "openride_stream", "bench", "soak", "--json"]
    options = ["--events", "3000", "--rate", "1500", "--store-rows", "1000"]
    done = subprocess.run(
        [*command, *options],
        env=untraced(os.environ),
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    course = json.loads(done.stdout)
    assert course["events"] == 3000
    assert 0 < course["sent_per_s"] <= 1500
    assert course["peak_rss_mb"] >= max(course["rss_mb"]) > 0


def test_renewed_events_are_the_same_ones_under_other_identities() -> None:
    pool = list(payloads(50, 1))
    assert [renewed(payload, 0) for payload in pool] == pool
    again = [renewed(payload, 7) for payload in pool]
    ids = {json.loads(payload.value)["event_id"] for payload in (*pool, *again)}
    assert len(ids) == 100
    for first, second in zip(pool, again, strict=True):
        kept = {name: value for name, value in json.loads(first.value).items() if name != "event_id"}
        assert kept.items() <= json.loads(second.value).items()

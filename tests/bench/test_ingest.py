"""`openride bench ingest` as it is typed, small."""

import json
import os
import subprocess
import sys

import pytest

from tests.fixtures.tracing import untraced

FIELDS = {
    "name",
    "events_per_s",
    "cpu_us_per_event",
    "peak_rss_mb",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "openride_stream", "bench", "ingest", *arguments]
    env = untraced(os.environ)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=220, check=False)


@pytest.mark.e2e
def test_json_has_the_contract_s_fields_and_a_raw_reader_has_no_latency() -> None:
    done = bench(
        "--events", "2000", "--repeats", "1", "--rate", "1000", "--json",
        "--only", "openride", "--only", "aiokafka-raw",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    raw, ours = json.loads(done.stdout)["rows"]
    assert (raw["name"], ours["name"]) == ("aiokafka-raw", "openride")
    assert raw.keys() == ours.keys() == FIELDS
    assert all(ours[field] > 0 for field in FIELDS - {"name", "cpu_us_per_event"})
    assert raw["latency_p50_ms"] is raw["latency_p95_ms"] is raw["latency_p99_ms"] is None


def test_a_peer_that_does_not_exist_is_one_clear_line() -> None:
    done = bench("--only", "spark")
    assert done.returncode == 2
    assert done.stderr.startswith("openride: --only: no peer spark; there are aiokafka-raw, openride")
    assert len(done.stderr.splitlines()) == 1

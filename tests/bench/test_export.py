"""`openride bench export`, small."""

import json
import os

import pytest
from click.testing import CliRunner

from bench import exports
from openride_stream.cli.bench import command
from tests.fixtures.tracing import untraced

ROWS = 3_000


@pytest.mark.e2e
def test_files_are_written_alone_and_beside_events_that_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        "_ROWS": ROWS,
        "_FILES": (("excel", ROWS),),
        "_WARM_EVENTS": 500,
        "_PACED_S": 1,
        "_ASK_EVERY_S": 0.2,
        # A worker that joins waits half of it, and nothing else here does.
        "_SESSION_TIMEOUT_S": 3.0,
    }
    for name, value in small.items():
        monkeypatch.setattr(exports, name, value)
    for traced in os.environ.keys() - untraced(os.environ).keys():
        monkeypatch.delenv(traced)
    options = ["--rate", "500", "--repeats", "1", "--json"]
    done = CliRunner().invoke(command, ["export", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    (excel,) = found["written"]
    assert (excel["format"], excel["rows"], excel["seconds"] > 0) == ("excel", ROWS, True)
    # The interpreter alone takes ten; the worker, which starts it, some hundred.
    assert 10 < excel["writer_peak_mb"] < 100
    assert 0 <= excel["worker_grew_mb"] < 150
    assert excel["store_grew_mb"] >= 0
    (alone,), (beside,) = found["alone"], found["beside"]
    assert alone["files"] == 0
    assert 0 < beside["p50_ms"] <= beside["p95_ms"]
    assert found["p95_ratio"]["median"] > 0

"""A missing server is a skipped test that says what to set, and a failure where servers were started."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.services import required_service

CI = Path(__file__).parents[2] / ".ci"
SCRIPTS = sorted([CI / "run", *CI.glob("*.sh")])


def test_an_address_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENRIDE_TEST_POSTGRES", "postgresql+asyncpg://127.0.0.1/x")
    assert required_service("OPENRIDE_TEST_POSTGRES", "a URL").endswith("/x")


def test_without_one_the_test_is_skipped_and_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENRIDE_TEST_POSTGRES", raising=False)
    monkeypatch.delenv("OPENRIDE_TEST_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="set OPENRIDE_TEST_POSTGRES to a URL"):
        required_service("OPENRIDE_TEST_POSTGRES", "a URL")


def test_where_servers_were_started_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENRIDE_TEST_POSTGRES", raising=False)
    monkeypatch.setenv("OPENRIDE_TEST_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="OPENRIDE_TEST_POSTGRES"):
        required_service("OPENRIDE_TEST_POSTGRES", "a URL")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_parse(script: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-n", script], check=True, timeout=30)


@pytest.mark.parametrize("name", ["kafka", "postgres", "redis"])
def test_stop_without_a_start_is_quiet(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENRIDE_SERVICES", str(tmp_path / "none"))
    done = subprocess.run([CI / f"{name}.sh", "stop"], check=True, timeout=30, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")

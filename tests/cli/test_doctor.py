import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openride_stream.cli.doctor import command
from openride_stream.embedded.folder import StackRecord, locked_folder, pii_key, write_stack
from openride_stream.embedded.ports import LOOPBACK, free_port
from openride_stream.kafka import codecs


@pytest.fixture(autouse=True)
def _own_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own .env or services, and nothing that runs."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{free_port()}",
        "CLICKHOUSE_URL": f"http://{LOOPBACK}:{free_port()}",
        "METADATA_URL": f"sqlite+aiosqlite:///{tmp_path}/metadata.db",
        "WEB_PORT": str(free_port()),
        "PII_KEY": "secret-of-the-test",
    }.items():
        monkeypatch.setenv(f"OPENRIDE_{name}", value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def states(result: Result) -> dict[str, str]:
    return {finding["check"]: finding["state"] for finding in json.loads(result.output)}


def test_services_that_are_away_fail_and_an_absent_worker_is_a_warning(tmp_path: Path) -> None:
    result = run("--json")
    assert result.exit_code == 1
    assert states(result) == {
        "settings": "ok",
        "codecs": "ok",
        "kafka": "fail",
        "clickhouse": "fail",
        "metadata": "fail",
        "redis": "ok",
        "storage": "ok",
        "mail": "ok",
        "disk": "ok",
        "worker": "warn",
    }
    assert not (tmp_path / "metadata.db").exists(), "looking creates nothing"


def test_each_line_that_is_not_ok_says_what_to_do() -> None:
    for finding in json.loads(run("--json").output):
        assert bool(finding["advice"]) == (finding["state"] != "ok"), finding
    lines = run().output.splitlines()
    assert "→ run `openride migrate`" in " ".join(lines)


def test_a_missing_key_of_personal_data_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENRIDE_PII_KEY")
    assert states(run("--json"))["settings"] == "fail"


def test_a_codec_that_is_not_installed_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(codecs.CODECS, "lz4", lambda: False)
    assert states(run("--json"))["codecs"] == "fail"
    assert "compressed with lz4" in run().output


def test_a_setting_that_is_not_valid_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENRIDE_TOPIC_PARTITIONS", "none")
    result = run()
    assert result.exit_code == 1
    assert "OPENRIDE_TOPIC_PARTITIONS" in result.output


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENRIDE_METADATA_URL", f"postgresql+asyncpg://me:hush@{LOOPBACK}:{free_port()}/db")
    output = run("--json").output
    assert "hush" not in output
    assert "secret-of-the-test" not in output


def test_a_redis_that_is_away_is_only_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENRIDE_REDIS_URL", f"redis://{LOOPBACK}:{free_port()}")
    assert states(run("--json"))["redis"] == "warn"


def test_missing_topics_are_named_with_the_command_that_makes_them(
    fresh_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENRIDE_KAFKA_BOOTSTRAP_SERVERS", fresh_kafka)
    findings = json.loads(run("--json").output)
    topics = [finding for finding in findings if finding["check"] == "topics"]
    assert len(topics) == 19
    assert {finding["advice"] for finding in topics} == {"run `openride migrate`"}


def test_a_running_stack_s_addresses_are_used(tmp_path: Path, fresh_kafka: str) -> None:
    url = f"http://{LOOPBACK}:{free_port()}"
    data_dir = tmp_path / "stack"
    with locked_folder(data_dir):
        write_stack(data_dir, StackRecord(fresh_kafka, url, (url,), {}, "2026-01-01T00:00:00.000Z"))
        result = run("--json", "--data-dir", str(data_dir))
    assert states(result)["kafka"] == "ok"
    assert states(result)["worker"] == "fail", "a worker of a stack has to answer"


class TestWithoutAddresses:
    """Nothing is set: what is meant is the stack of the data folder."""

    @pytest.fixture(autouse=True)
    def _nothing_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL", "METADATA_URL", "PII_KEY"):
            monkeypatch.delenv(f"OPENRIDE_{name}")

    def first(self) -> dict[str, str]:
        result = run("--json")
        assert result.exit_code == 1
        assert states(result) == {
            "stack": "fail",
            "broker": "ok",
            "settings": "ok",
            "codecs": "ok",
            "disk": "ok",
        }
        found: dict[str, str] = json.loads(result.output)[0]
        assert "`openride up`" in found["advice"]
        return found

    def test_a_stack_that_never_ran_is_offered(self) -> None:
        found = self.first()
        assert "no embedded stack has run in .openride" in found["message"]
        assert "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS" in found["advice"]

    def test_a_stack_that_is_down_is_said_to_be(self) -> None:
        Path(".openride").mkdir()
        pii_key(Path(".openride"))
        assert self.first()["message"] == "no embedded stack runs in .openride"

    def test_a_stack_that_was_killed_is_said_to_be(self) -> None:
        with locked_folder(Path(".openride")):
            record = StackRecord("127.0.0.1:1", "http://127.0.0.1:2", (), {"supervisor": 4711}, "")
            write_stack(Path(".openride"), record)
        assert "was killed: its supervisor (pid 4711) has gone" in self.first()["message"]


def test_a_misspelt_setting_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENRIDE_KAFKA_BOOTSTRAP_SERVER", "x")
    assert "did you mean OPENRIDE_KAFKA_BOOTSTRAP_SERVERS?" in run().output
    assert states(run("--json"))["settings"] == "warn"

import socket
from pathlib import Path

import pytest

from openride_stream.embedded.ports import LOOPBACK, free_port
from openride_stream.embedded.stack import StackOptions, child_env, choose_addresses, plan_stages
from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings


def options(tmp_path: Path, workers: int = 2, replay: bool = True) -> StackOptions:
    return StackOptions(tmp_path, free_port(), workers, replay)


def test_every_server_has_a_port_of_its_own_and_the_first_worker_the_wanted_one(tmp_path: Path) -> None:
    chosen = options(tmp_path, workers=3)
    addresses = choose_addresses(chosen.port, 3)
    ports = {*addresses.web_ports, addresses.kafka_port, addresses.clickhouse_port}
    assert len(ports) == 5
    assert addresses.web[0] == f"http://{LOOPBACK}:{chosen.port}"


def test_a_taken_port_is_refused() -> None:
    with socket.create_server((LOOPBACK, 0)) as server, pytest.raises(ConfigurationError, match="--port"):
        choose_addresses(server.getsockname()[1], 1)


def test_the_children_are_told_of_no_store_but_the_stack_s_own(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    addresses = choose_addresses(chosen.port, 2)
    production = Settings(
        kafka_bootstrap_servers="kafka.example:9092",
        clickhouse_url="https://clickhouse.example",
        clickhouse_cluster="main",
        redis_url="redis://redis.example",
        metadata_url="postgresql+asyncpg://db.example/openride",
    )
    env = child_env(chosen, addresses, production)
    assert not [value for value in env.values() if "example" in value or value == "main"]
    known = {f"OPENRIDE_{name.upper()}" for name in Settings.model_fields}
    assert set(env) - known == {"PYTHONUNBUFFERED"}


def test_the_settings_of_the_children_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = options(tmp_path)
    for name, value in child_env(chosen, choose_addresses(chosen.port, 2), Settings()).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.pii_key.get_secret_value() == (tmp_path / "pii.key").read_text()
    assert settings.broker_heartbeat_interval_s * 3 < settings.broker_session_timeout_s
    assert settings.metadata_url == f"sqlite+aiosqlite:///{tmp_path}/metadata.db"


def test_a_user_s_own_tuning_and_key_are_kept(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    env = child_env(
        chosen, choose_addresses(chosen.port, 2), Settings(preaggregation_interval_s=9, pii_key="k")
    )
    assert "OPENRIDE_PREAGGREGATION_INTERVAL_S" not in env
    assert env["OPENRIDE_PII_KEY"] == "k"


def test_stores_come_before_the_schema_the_workers_and_the_replay(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    stages = plan_stages(chosen, choose_addresses(chosen.port, 2), {})
    names = [[spec.name for spec in stage] for stage in stages]
    assert names == [["broker", "clickhouse"], ["migrate"], ["worker-1", "worker-2"], ["replay"]]
    assert [spec.name for stage in stages for spec in stage if "broker" in spec.follows] == [
        "migrate",
        "worker-1",
        "worker-2",
    ]


def test_without_replay_there_is_none(tmp_path: Path) -> None:
    chosen = options(tmp_path, replay=False)
    assert len(plan_stages(chosen, choose_addresses(chosen.port, 2), {})) == 3


def test_a_stop_fits_into_ten_seconds(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    stages = plan_stages(chosen, choose_addresses(chosen.port, 2), {})
    assert sum(max(spec.stop_within_s for spec in stage) for stage in stages) <= 9.0


def test_a_worker_s_state_goes_with_the_broker_it_came_from(tmp_path: Path) -> None:
    chosen = options(tmp_path, workers=1)
    worker = plan_stages(chosen, choose_addresses(chosen.port, 1), {})[2][0]
    state = tmp_path / "faust" / str(chosen.port) / "tables"
    state.mkdir(parents=True)
    assert worker.before_fresh_start is not None
    worker.before_fresh_start()
    assert not state.exists()
    worker.before_fresh_start()

from pathlib import Path

import pytest

from openride_stream.embedded.addresses import Addresses, WantedPorts, choose_addresses
from openride_stream.embedded.ports import free_port
from openride_stream.embedded.stack import StackOptions, child_env, plan_stages
from openride_stream.settings import Settings


def options(tmp_path: Path, workers: int = 2, replay: bool = True) -> StackOptions:
    return StackOptions(tmp_path, workers, replay)


def addresses_for(workers: int) -> Addresses:
    return choose_addresses(WantedPorts(free_port()), workers)


def test_the_children_are_told_of_no_store_but_the_stack_s_own(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    addresses = addresses_for(2)
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
    for name, value in child_env(chosen, addresses_for(2), Settings()).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.pii_key.get_secret_value() == (tmp_path / "pii.key").read_text()
    assert settings.broker_heartbeat_interval_s * 3 < settings.broker_session_timeout_s
    assert settings.metadata_url == f"sqlite+aiosqlite:///{tmp_path}/metadata.db"


def test_a_user_s_own_tuning_and_key_are_kept(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    env = child_env(chosen, addresses_for(2), Settings(preaggregation_interval_s=9, pii_key="k"))
    assert "OPENRIDE_PREAGGREGATION_INTERVAL_S" not in env
    assert env["OPENRIDE_PII_KEY"] == "k"


def test_the_demo_s_currency_gives_way_to_the_user_s_own(tmp_path: Path) -> None:
    demo = StackOptions(tmp_path, 1, replay=True, currency="USD")
    assert child_env(demo, addresses_for(1), Settings(_env_file=None))["OPENRIDE_CURRENCY"] == "USD"
    assert "OPENRIDE_CURRENCY" not in child_env(demo, addresses_for(1), Settings(currency="KES"))
    assert "OPENRIDE_CURRENCY" not in child_env(options(tmp_path), addresses_for(1), Settings())


def test_stores_come_before_the_schema_the_workers_and_the_replay(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    stages = plan_stages(chosen, addresses_for(2), {})
    names = [[spec.name for spec in stage] for stage in stages]
    assert names == [["broker", "clickhouse"], ["migrate"], ["worker-1", "worker-2"], ["replay"]]
    assert [spec.name for stage in stages for spec in stage if "broker" in spec.follows] == [
        "migrate",
        "worker-1",
        "worker-2",
    ]


def test_without_replay_there_is_none(tmp_path: Path) -> None:
    chosen = options(tmp_path, replay=False)
    assert len(plan_stages(chosen, addresses_for(2), {})) == 3


def test_a_stop_fits_into_ten_seconds(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    stages = plan_stages(chosen, addresses_for(2), {})
    assert sum(max(spec.stop_within_s for spec in stage) for stage in stages) <= 9.0


def test_a_worker_s_state_goes_with_the_broker_it_came_from(tmp_path: Path) -> None:
    chosen = options(tmp_path, workers=1)
    worker = plan_stages(chosen, addresses := addresses_for(1), {})[2][0]
    state = tmp_path / "faust" / str(addresses.web_ports[0]) / "tables"
    state.mkdir(parents=True)
    assert worker.before_fresh_start is not None
    worker.before_fresh_start()
    assert not state.exists()
    worker.before_fresh_start()

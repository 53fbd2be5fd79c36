"""docker-compose.yml can start: its services, settings, mounts and order fit together."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from web.auth import check_binding, is_loopback
from web.tokens import entry_of, new_token

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "worker")
STORES = ("kafka", "clickhouse", "postgres", "redis")
SERVICE_KEYS = {
    "build",
    "command",
    "depends_on",
    "environment",
    "healthcheck",
    "image",
    "ports",
    "restart",
    "stop_grace_period",
    "tmpfs",
    "ulimits",
    "volumes",
}
TEXT = (ROOT / "docker-compose.yml").read_text()
GIVEN = {
    "OPENRIDE_PII_KEY": "x" * 32,
    "OPENRIDE_API_TOKENS": entry_of("me", "viewer", new_token()).text(),
}
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):(?P<how>[-?])(?P<text>[^}]*)\}")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def _environment(service: str) -> dict[str, str]:
    """As compose hands it over: defaults applied, required variables set to what the user has to give."""
    filled = {}
    for name, value in SERVICES[service]["environment"].items():
        assert isinstance(value, str), f"{service}.{name}: YAML made it a {type(value).__name__}; quote it"
        filled[name] = _VARIABLE.sub(lambda m: m["text"] if m["how"] == "-" else GIVEN[m["name"]], value)
    return filled


def test_the_services_of_the_stack() -> None:
    assert set(SERVICES) == {*STORES, *OURS}
    assert set(COMPOSE) == {"name", "x-openride", "services", "volumes"}


@pytest.mark.parametrize("service", SERVICES)
def test_only_known_keys_and_a_pinned_image(service: str) -> None:
    declared = SERVICES[service]
    assert set(declared) <= SERVICE_KEYS
    assert re.search(r":[\w.]+$", declared["image"]), "an image without a tag is whatever is newest"
    assert not declared["image"].endswith(":latest")


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_a_setting_and_its_value_is_accepted(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = _environment(service)
    assert {name.removeprefix("OPENRIDE_").lower() for name in given} <= set(Settings.model_fields)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    assert settings.kafka_bootstrap_servers.split(":")[0] in SERVICES
    assert settings.pii_key.get_secret_value()
    # What `openride worker` asks before it binds.
    check_binding(settings)


def test_the_worker_serves_beyond_the_container_and_only_with_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    given = _environment("worker")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert not is_loopback(given["OPENRIDE_WEB_HOST"])
    monkeypatch.setenv("OPENRIDE_API_TOKENS", "")
    with pytest.raises(ConfigurationError, match="OPENRIDE_API_TOKENS"):
        check_binding(Settings(_env_file=None))


def test_what_the_user_has_to_give_is_asked_for_with_a_sentence() -> None:
    required = {match["name"]: match["text"] for match in _VARIABLE.finditer(TEXT) if match["how"] == "?"}
    assert set(required) == set(GIVEN)
    assert all(len(sentence.split()) > 4 for sentence in required.values())
    assert set(re.findall(r"export (\w+)=", TEXT)) == set(GIVEN)


@pytest.mark.parametrize("service", OURS)
def test_addresses_name_services_and_credentials_agree(service: str) -> None:
    ours = _environment(service)
    addressed = [re.split("//|@", value)[-1].split(":")[0] for value in ours.values() if "://" in value]
    assert addressed == ["clickhouse", "postgres", "redis"]
    assert ours["OPENRIDE_CLICKHOUSE_USER"] == _environment("clickhouse")["CLICKHOUSE_USER"]
    assert ours["OPENRIDE_CLICKHOUSE_PASSWORD"] == _environment("clickhouse")["CLICKHOUSE_PASSWORD"]
    postgres = _environment("postgres")
    user, password, database = (postgres[f"POSTGRES_{part}"] for part in ("USER", "PASSWORD", "DB"))
    assert ours["OPENRIDE_METADATA_URL"] == f"postgresql+asyncpg://{user}:{password}@postgres:5432/{database}"


@pytest.mark.parametrize("service", [*STORES, "worker"])
def test_what_runs_on_says_whether_it_is_well(service: str) -> None:
    check = SERVICES[service]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert SERVICES[service]["restart"] == "unless-stopped"


def test_services_wait_for_what_they_need() -> None:
    for service in OURS:
        for needed, how in SERVICES[service]["depends_on"].items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert SERVICES[needed]["restart"] == "on-failure"
    assert "migrate" in SERVICES["worker"]["depends_on"]


def test_ports_are_on_the_loopback_and_volumes_declared() -> None:
    for declared in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in declared.get("ports", []))
        assert all(mount.split(":")[0] in COMPOSE["volumes"] for mount in declared.get("volumes", []))


def test_commands_exist() -> None:
    from openride_stream.cli.main import COMMANDS

    assert all(SERVICES[service]["command"][0] in COMMANDS for service in OURS)


def test_the_image_is_built_from_files_that_exist_and_drops_root() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert f"!{source.split('/')[0]}" in {entry.rstrip("/") for entry in allowed}, source
                assert (ROOT / source).exists(), source
    last_stage = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    (user,) = (line.split()[1] for line in last_stage if line.startswith("USER "))
    assert user.split(":")[0] == re.search(r"--uid (\d+)", "\n".join(last_stage))[1]  # type: ignore[index]
    assert user.split(":")[0] in SERVICES["worker"]["tmpfs"][0]

"""Which services a command that names none should use: those of the stack that runs in the data folder."""

from pathlib import Path
from typing import Final

from openride_stream.embedded.folder import StackRecord, pii_key, read_stack
from openride_stream.embedded.stack import OPEN_KAFKA
from openride_stream.settings import Settings

# Whoever sets one of these means services of their own.
ADDRESSES: Final = frozenset({"kafka_bootstrap_servers", "clickhouse_url", "metadata_url"})
_WHAT_TO_DO: Final = (
    "start one with `make up`, or set OPENRIDE_KAFKA_BOOTSTRAP_SERVERS, OPENRIDE_CLICKHOUSE_URL and "
    "OPENRIDE_METADATA_URL to your own services"
)


def settings_here(data_dir: Path | None = None) -> tuple[Settings, StackRecord | None]:
    """The settings, and the embedded stack that they point at, if any.

    Without `data_dir` the stack of `OPENRIDE_DATA_DIR` is used where no address is set; with it the stack
    of that folder, whatever is set.

    Raises:
        pydantic.ValidationError: a setting is not valid.
    """
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    if data_dir is None and names_services(settings):
        return settings, None
    stack = read_stack(settings.data_dir)
    return (settings, None) if stack is None else (_pointed_at(stack, settings), stack)


def names_services(settings: Settings) -> bool:
    """Whether the environment says where services are."""
    return bool(ADDRESSES & settings.model_fields_set)


def nothing_here(settings: Settings) -> str | None:
    """What to do where no address is set and no stack runs; None where there may be services."""
    if names_services(settings) or read_stack(settings.data_dir) is not None:
        return None
    return f"no stack runs in {settings.data_dir.absolute()}: {_WHAT_TO_DO}"


def hint_when_away() -> str:
    """What someone whose broker or store does not answer may not know, as the end of an error's line."""
    settings = Settings()
    stack = read_stack(settings.data_dir)
    if stack is not None and names_services(settings):
        return f"; the stack in {settings.data_dir} has Kafka at {stack.kafka}: to use it, set no address"
    nothing = nothing_here(settings)
    return "" if nothing is None else f"; {nothing}"


def _pointed_at(stack: StackRecord, settings: Settings) -> Settings:
    folder = settings.data_dir.absolute()
    addresses = {
        "kafka_bootstrap_servers": stack.kafka,
        **OPEN_KAFKA,
        "clickhouse_url": stack.clickhouse,
        "clickhouse_user": "default",
        "clickhouse_password": "",
        "clickhouse_cluster": "",
        "topic_replication": 1,
        "metadata_url": f"sqlite+aiosqlite:///{folder / 'metadata.db'}",
        "redis_url": "",
        "pii_key": settings.pii_key.get_secret_value() or pii_key(folder),
        "data_dir": folder,
    }
    # Made anew rather than copied, so that every value is validated.
    return Settings.model_validate(settings.model_dump() | addresses)

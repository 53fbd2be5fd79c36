"""The loopback ports of a stack: chosen once, and the same again at the next start where they are free."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from openride_stream.embedded.folder import write_atomically
from openride_stream.embedded.ports import LOOPBACK, free_port, is_free, require_free
from openride_stream.errors import ConfigurationError

_PORTS_FILE: Final = "ports.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Loopback ports of the stack's servers, fixed for its life so that a restart changes none."""

    kafka_port: int
    clickhouse_port: int
    web_ports: tuple[int, ...]

    @property
    def kafka(self) -> str:
        """Bootstrap servers."""
        return f"{LOOPBACK}:{self.kafka_port}"

    @property
    def clickhouse(self) -> str:
        """URL of ClickHouse's HTTP interface."""
        return f"http://{LOOPBACK}:{self.clickhouse_port}"

    @property
    def web(self) -> tuple[str, ...]:
        """URL of each worker."""
        return tuple(f"http://{LOOPBACK}:{port}" for port in self.web_ports)


@dataclass(frozen=True, slots=True)
class WantedPorts:
    """What the user of `openride up` asks for: `web` is the first worker's; None lets the stack choose."""

    web: int
    kafka: int | None = None
    clickhouse: int | None = None

    def by_option(self) -> Mapping[str, int]:
        """The ports that are asked for, by the option that does."""
        given = {"--port": self.web, "--kafka-port": self.kafka, "--clickhouse-port": self.clickhouse}
        return {option: port for option, port in given.items() if port is not None}

    def require_free(self) -> None:
        """Check that each can be bound.

        Raises:
            ConfigurationError: one is taken, or asked for twice.
        """
        for option, port in self.by_option().items():
            require_free(port, option)
        if len(set(self.by_option().values())) < len(self.by_option()):
            message = f"{', '.join(self.by_option())} must differ"
            raise ConfigurationError(message)


def choose_addresses(wanted: WantedPorts, workers: int, last: Addresses | None = None) -> Addresses:
    """Ports for everything: the wanted ones, else those of the `last` start, else free ones.

    Raises:
        ConfigurationError: a wanted port is taken.
    """
    wanted.require_free()
    chosen = set(wanted.by_option().values())

    def choose(before: int | None) -> int:
        usable = before is not None and before not in chosen and is_free(before)
        port = before if before is not None and usable else free_port(avoid=frozenset(chosen))
        chosen.add(port)
        return port

    kafka = wanted.kafka or choose(last.kafka_port if last else None)
    clickhouse = wanted.clickhouse or choose(last.clickhouse_port if last else None)
    before = list(last.web_ports[1:]) if last else []
    others = [choose(before[at] if at < len(before) else None) for at in range(workers - 1)]
    return Addresses(kafka, clickhouse, (wanted.web, *others))


def remember(data_dir: Path, addresses: Addresses) -> None:
    """Keep the ports for the next start in this data folder."""
    write_atomically(data_dir / _PORTS_FILE, json.dumps(asdict(addresses)) + "\n")


def remembered(data_dir: Path) -> Addresses | None:
    """The ports of the last start in this data folder; None when there was none, or it cannot be read."""
    try:
        found = json.loads((data_dir / _PORTS_FILE).read_text())
        return Addresses(
            int(found["kafka_port"]), int(found["clickhouse_port"]), tuple(map(int, found["web_ports"]))
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None

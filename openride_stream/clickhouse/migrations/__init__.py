"""Numbered, forward-only migrations of the ClickHouse schema (`NNNN_name.sql`, statements end in `;`)."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

from openride_stream.settings import Settings

_NAME = re.compile(r"^(\d{4})_(\w+)\.sql$")
_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name, and its statements with `${…}` still to be filled."""

    version: int
    name: str
    template: str

    def statements(self, settings: Settings) -> list[str]:
        """The statements for this database and cluster, in order."""
        cluster = settings.clickhouse_cluster
        text = Template(_COMMENT.sub("", self.template)).substitute(
            database=settings.clickhouse_database,
            on_cluster=f"ON CLUSTER '{cluster}'" if cluster else "",
            replicated="Replicated" if cluster else "",
            events_days=str(settings.retention_events_days),
            location_days=str(settings.retention_location_days),
        )
        return [statement.strip() for statement in text.split(";") if statement.strip()]


@cache
def all_migrations() -> tuple[Migration, ...]:
    """Every migration shipped with this version, by number, without a gap."""
    found = []
    for entry in files(__package__).iterdir():
        named = _NAME.match(entry.name)
        if named:
            found.append(Migration(int(named[1]), named[2], entry.read_text("utf-8")))
    found.sort(key=lambda migration: migration.version)
    return tuple(found)


def head() -> int:
    """The newest schema version that this code knows."""
    return all_migrations()[-1].version

"""`openride archive` from a terminal: what is due, what was kept, and back."""

import asyncio
import json

import pytest
from click.testing import CliRunner, Result

from openride_stream.cli.archive import command
from openride_stream.metadata.migrate import upgrade
from tests.archive.conftest import Vault

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def openride_archive(vault: Vault, *arguments: str) -> Result:
    settings = vault.settings
    metadata_url = f"sqlite+aiosqlite:///{settings.data_dir}/commands.db"
    await upgrade(metadata_url)
    environment = {
        "OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "OPENRIDE_CLICKHOUSE_URL": settings.clickhouse_url,
        "OPENRIDE_CLICKHOUSE_DATABASE": settings.clickhouse_database,
        "OPENRIDE_METADATA_URL": metadata_url,
        "OPENRIDE_DATA_DIR": str(settings.data_dir),
        "OPENRIDE_ARCHIVE": "true",
        "OPENRIDE_ARCHIVE_DIR": settings.archive_dir,
        "OPENRIDE_RETENTION_EVENTS_DAYS": "30",
        "OPENRIDE_PII_KEY": "a key for tests",
    }
    return await asyncio.to_thread(CliRunner().invoke, command, arguments, env=environment)


async def test_a_month_leaves_is_listed_and_comes_back(vault: Vault) -> None:
    only = ("--table", "trip_events")
    rows = await vault.rows()
    due = await openride_archive(vault, *only, "--dry-run")
    assert (due.exit_code, due.output) == (0, "trip_events         2026-01  due\n")
    assert await vault.rows() == rows, "nothing has gone yet"

    left = await openride_archive(vault, *only)
    assert left.exit_code == 0, left.output
    assert left.output.startswith("trip_events         2026-01  archived")
    assert await vault.rows() == 0
    assert (await openride_archive(vault, *only, "--dry-run")).output == "nothing is due\n"

    listed = await openride_archive(vault, "list", *only, "--json")
    (month,) = json.loads(listed.output)
    assert (month["table"], month["month"], month["state"]) == ("trip_events", "2026-01", "archived")
    assert month["rows_in_clickhouse"] == 0
    assert sum(copy["content"]["rows"] for copy in month["copies"]) >= rows

    back = await openride_archive(vault, "restore", "2026-01", *only, "--days", "5")
    assert back.exit_code == 0, back.output
    assert await vault.rows() == rows
    (month,) = json.loads((await openride_archive(vault, "list", *only, "--json")).output)
    assert month["state"] == "restored"
    assert (await openride_archive(vault, *only, "--dry-run")).output == "nothing is due\n"


async def test_what_is_no_month_is_said(vault: Vault) -> None:
    wrong = await openride_archive(vault, "restore", "2026-13")
    assert wrong.exit_code == 2
    assert "2026-13 is no month; write one such as 2025-03" in wrong.output

"""Months leave and come back: nothing is lost, nothing is dropped unseen, and figures stay what they were."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openride_stream.archive.archivist import NotArchived
from openride_stream.archive.copying import Copier, CopyDiffers
from openride_stream.archive.leaving import Leaving
from openride_stream.archive.manifest import ManifestDamaged
from openride_stream.cli import migrate as command
from openride_stream.cli.checks.findings import Patient
from openride_stream.cli.checks.stores import check_clickhouse
from openride_stream.clickhouse.migrate import migrate
from openride_stream.clickhouse.retention import waiting
from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from tests.archive.conftest import MONTH, Vault, ride, young
from tests.clickhouse.storing import ingest
from tests.clickhouse.test_cleanup import execution
from tests.fixtures.web import fill

pytestmark = pytest.mark.asyncio(loop_scope="package")

ROOT = Path(__file__).parents[2]
TABLES = ("user_events", "booking_events", "payment_events", "trip_events", "route_events")
ASKED = {"start_date": "2026-01-01", "end_date": "2026-02-01"}
LATE = {
    **ride(0)[7],
    "event_id": "00000000-0000-4000-8000-00000000a001",
    "trip_id": "00000000-0000-4000-8000-00000000a002",
}


async def test_figures_are_the_same_when_a_month_has_left_and_when_it_is_back(vault: Vault) -> None:
    before, rows, hashes = await vault.figures(), await vault.rows(), await vault.hashes()
    outcomes = await vault.archive()
    assert [(outcome.table, outcome.month) for outcome in outcomes] == [(table, MONTH) for table in TABLES]
    assert await vault.rows() == 0
    assert await vault.figures() == before
    await vault.round()
    assert await vault.figures() == before
    assert sum(outcome.rows for outcome in await vault.restore(*TABLES)) == 6 * 8 + 1
    assert (await vault.rows(), await vault.hashes()) == (rows, hashes)
    assert await vault.figures() == before
    # It stays for thirty days, unless somebody says otherwise.
    assert await vault.archive() == []
    vault.site.runtime.clock.advance(31 * 86_400)
    assert len(await vault.archive("trip_events")) == 1
    assert await vault.figures() == before


async def test_late_events_are_kept_named_and_counted_when_the_month_is_back(vault: Vault) -> None:
    before = await vault.site.get("/v1/metrics/trips", **ASKED)
    await vault.archive()
    await fill(vault.site, [LATE])
    await vault.round()
    assert await vault.site.get("/v1/metrics/trips", **ASKED) == before
    (held,) = [
        one for one in await vault.archivist().held() if (one.table, one.month) == ("trip_events", MONTH)
    ]
    assert (held.state, held.rows_here) == ("late", 1)
    (outcome,) = await vault.archive("trip_events")
    assert (outcome.rows, outcome.late) == (1, 1)
    copies = await vault.archivist().shelf.manifests("trip_events", MONTH)
    assert [(copy.segment, copy.content.rows) for copy in copies] == [(1, 13), (2, 1)]
    await vault.restore()
    assert await vault.rows() == 14
    now = await vault.site.get("/v1/metrics/trips", **ASKED)
    assert now["trips_completed"] == before["trips_completed"] + 1


async def test_what_comes_in_while_a_month_is_copied_or_leaves_stays_and_is_copied_the_next_time(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    come = {Copier: "verify", Leaving: "leave"}
    for number, (kind, name) in enumerate(come.items()):
        real = getattr(kind, name)

        async def late(self: Any, *given: Any, real: Any = real, number: int = number) -> Any:
            event_id = f"00000000-0000-4000-8000-00000000b00{number}"
            await fill(vault.site, [{**LATE, "event_id": event_id, "trip_id": event_id}])
            return await real(self, *given)

        with monkeypatch.context() as patch:
            patch.setattr(kind, name, late)
            outcomes = await vault.archive("trip_events")
        assert {outcome.month: outcome.outcome for outcome in outcomes}[MONTH] == "changed"
        assert await vault.rows() == 14 + number
    trips = await vault.site.get("/v1/metrics/trips", **ASKED)
    (outcome,) = await vault.archive("trip_events")
    assert (outcome.outcome, outcome.rows) == ("archived", 15)
    assert [copy.content.rows for copy in await vault.archivist().shelf.manifests("trip_events", MONTH)] == [
        15
    ]
    assert await vault.site.get("/v1/metrics/trips", **ASKED) == trips


async def test_a_damaged_copy_drops_nothing_and_brings_nothing_back(vault: Vault) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Leaving, "leave", _nothing)
        await vault.archive("trip_events")
    shelf = vault.archivist().shelf
    (copy,) = await shelf.manifests("trip_events", MONTH)
    path = shelf.place.path_of(copy.files[0].name)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(CopyDiffers, match="bytes"):
        await vault.archive("trip_events")
    assert await vault.rows() == 13
    path.write_bytes(whole)
    await vault.archive("trip_events")
    for damaged in (whole[:200] + bytes([whole[200] ^ 1]) + whole[201:], whole[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(Exception, match=r"bytes|rows|Parquet|Code"):
            await vault.restore()
        assert await vault.rows() == 0
    path.write_bytes(whole)
    manifest = shelf.place.path_of(f"{copy.folder}/manifest.json")
    told = manifest.read_bytes()
    manifest.write_bytes(told.replace(b'"rows": 13', b'"rows": 12'))
    with pytest.raises(ManifestDamaged, match=r"manifest\.json"):
        await vault.restore()
    manifest.write_bytes(told)
    await vault.restore()
    assert await vault.rows() == 13


async def _nothing(self: Leaving, manifest: Any) -> None:
    del self, manifest


async def test_schedule_executions_leave_and_come_back_with_what_is_made_of_them(vault: Vault) -> None:
    records = [execution(number, 1_767_600_000_000 + number * 3_600_000) for number in range(5)]
    await ingest(vault.store, young(vault.settings), {"openride.schedules.redis": records})
    before = await counts(vault)
    assert before[0] > 0
    await vault.archive("schedule_analytics")
    assert await counts(vault) == [0] * len(before)
    await vault.restore("schedule_analytics")
    assert await counts(vault) == before
    # Hours that were built of them expire: they are to be read anew.
    marks = f"SELECT DISTINCT day FROM {vault.store.database}.day_marks WHERE source = 'schedule_analytics'"
    assert await vault.store.select(f"{marks} AND toYYYYMM(day) = {MONTH}") != []


async def counts(vault: Vault) -> list[int]:
    columns = {"schedule_analytics": "event_timestamp", "schedule_executions": "started_processing_at"}
    return [await executed(vault, table, column) for table, column in columns.items()]


async def executed(vault: Vault, table: str, column: str) -> int:
    sql = f"SELECT count() AS n FROM {vault.store.database}.{table} FINAL WHERE toYYYYMM({column}) = {MONTH}"
    return int((await vault.store.select(sql))[0]["n"])


async def test_what_cannot_be_done_is_said(vault: Vault) -> None:
    with pytest.raises(ConfigurationError, match="OPENRIDE_ARCHIVE"):
        await vault.archivist(archive=False).ready()
    with pytest.raises(NotArchived, match="2026-01"):
        await vault.restore()


async def test_months_wait_for_the_archive_instead_of_expiring(vault: Vault) -> None:
    sql = "SELECT count() AS n FROM system.tables WHERE database = {database:String}"
    sql += " AND engine_full LIKE '% TTL %'"
    sql += " AND name IN ('trip_events', 'booking_events', 'user_events')"
    given = {"database": vault.store.database}
    kept: Settings = vault.settings.model_copy(update={"archive": False})
    await vault.archivist().ready()
    for expire, expiring in ((False, 0), (True, 3)):
        # By a shell without the setting: what waits goes on waiting, until somebody says otherwise.
        await migrate(vault.store, kept, expire=expire)
        assert (await vault.store.select(sql, given))[0]["n"] == expiring
        assert ("trip_events" in await waiting(vault.store, kept)) is not expire
        found = {one.check: one for one in await check_clickhouse(Patient(kept, None))}
        assert ("retention" in found) is not expire
    (told,) = [
        one for one in await check_clickhouse(Patient(vault.settings, None)) if one.check == "retention"
    ]
    assert (told.state, told.advice) == ("warn", "run `openride migrate`")
    await vault.archivist().ready()
    assert (await vault.store.select(sql, given))[0]["n"] == 0


async def test_migrate_says_what_goes_on_waiting(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def elsewhere(*_: object) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(command, "create_topics", elsewhere)
    monkeypatch.setattr(command, "upgrade", elsewhere)
    await vault.archivist().ready()
    kept = vault.settings.model_copy(update={"archive": False})
    await command._migrate(kept, expire=False)
    said = capsys.readouterr().err
    assert "trip_events" in said
    assert "openride migrate --expire" in said
    await command._migrate(kept, expire=True)
    assert "Retention" not in capsys.readouterr().err
    await vault.archivist().ready()


@pytest.mark.s3
async def test_a_bucket_is_as_good_an_archive_as_a_folder(vault: Vault, s3: dict[str, str]) -> None:
    hashes = await vault.hashes()
    (outcome,) = await vault.archive("trip_events", **s3)
    assert (outcome.rows, await vault.rows()) == (13, 0)
    (held,) = await vault.archivist(**s3).held(["trip_events"])
    assert (held.state, len(held.copies[0].files)) == ("archived", 3)
    assert await vault.archivist().shelf.manifests() == []
    await vault.restore(**s3)
    assert await vault.hashes() == hashes


async def test_an_archived_month_is_queried_in_place_as_the_docs_say(vault: Vault) -> None:
    """By the engine itself, as `clickhouse local` has it: the embedded server gives nobody its files."""
    await vault.archive("trip_events")
    (example,) = re.findall(r"```sql\n(SELECT[^`]*file\([^`]*)```", (ROOT / "docs/operations.md").read_text())
    sql = example.replace("/srv/archive", vault.settings.archive_dir).replace("2025-03", "2026-01")
    rows = [line.split(",") for line in await by_the_engine(sql)]
    assert sum(int(trips) for _, trips, _ in rows) == 6
    assert all(float(paid) > 0 for *_, paid in rows)
    (month,) = await vault.archivist().held(["trip_events"])
    assert await by_the_engine(f"SELECT count() FROM {month.in_sql}") == ["13"]


@pytest.mark.s3
async def test_an_archived_month_is_queried_in_its_bucket(vault: Vault, s3: dict[str, str]) -> None:
    await vault.archive("trip_events", **s3)
    (month,) = await vault.archivist(**s3).held(["trip_events"])
    source = month.in_sql.replace("KEY", s3["s3_access_key_id"]).replace("SECRET", s3["s3_secret_access_key"])
    assert await by_the_engine(f"SELECT count(), uniqExact(trip_id) FROM {source}") == ["13,6"]


async def by_the_engine(sql: str) -> list[str]:
    script = "import sys, chdb; print(chdb.query(sys.argv[1], 'CSV'), end='')"
    ran = await asyncio.create_subprocess_exec(sys.executable, "-c", script, sql, stdout=subprocess.PIPE)
    out, _ = await ran.communicate()
    assert ran.returncode == 0
    return out.decode().split()


async def test_a_copy_that_came_back_is_kept_when_the_month_has_lost_rows_since(vault: Vault) -> None:
    hashes = await vault.hashes()
    await vault.archive("trip_events")
    await vault.restore()
    await vault.store.execute(
        f"DELETE FROM {vault.store.database}.trip_events WHERE event_timestamp < '2026-01-12 00:00:00'"
    )
    left = await vault.rows()
    assert 0 < left < 13
    vault.site.runtime.clock.advance(31 * 86_400)
    outcomes = {outcome.month: outcome for outcome in await vault.archive("trip_events")}
    assert (outcomes[MONTH].outcome, outcomes[MONTH].rows) == ("archived", left)
    assert "archived" in {one.state for one in await vault.archivist().held(["trip_events"])}
    await vault.restore()
    assert await vault.hashes() == hashes

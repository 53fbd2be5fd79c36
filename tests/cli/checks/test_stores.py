from pathlib import Path

import pytest

from openride_stream.cli.checks.findings import Patient
from openride_stream.cli.checks.stores import check_clickhouse, check_metadata, clock_skew
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrate import migrate
from openride_stream.clock import SystemClock
from openride_stream.metadata.migrate import upgrade
from openride_stream.settings import Settings


class ShiftedClock(SystemClock):
    def __init__(self, shift_ms: int) -> None:
        self.shift_ms = shift_ms

    def now_ms(self) -> int:
        return super().now_ms() + self.shift_ms


@pytest.fixture
def settings(clickhouse_url: str, tmp_path: Path) -> Settings:
    return Settings(
        clickhouse_url=clickhouse_url,
        clickhouse_database="doctor_test",
        metadata_url=f"sqlite+aiosqlite:///{tmp_path}/metadata.db",
    )


async def test_the_schema_has_to_be_the_newest(settings: Settings) -> None:
    states = {finding.check: finding for finding in await check_clickhouse(Patient(settings, None))}
    assert states["clickhouse"].state == "ok"
    assert (states["schema"].state, states["schema"].advice) == ("fail", "run `openride migrate`")
    store = ClickHouse.open(settings)
    try:
        await migrate(store, settings)
    finally:
        await store.close()
    states = {finding.check: finding for finding in await check_clickhouse(Patient(settings, None))}
    assert states["schema"].state == "ok"


@pytest.mark.parametrize(("shift_ms", "state"), [(0, "ok"), (30_000, "warn"), (-120_000, "fail")])
async def test_a_clock_that_is_far_off_is_found_in_either_direction(
    settings: Settings, shift_ms: int, state: str
) -> None:
    store = ClickHouse.open(settings)
    try:
        finding = await clock_skew(store, ShiftedClock(shift_ms))
    finally:
        await store.close()
    assert finding.state == state


async def test_the_metadata_store_has_to_be_at_the_newest_revision(settings: Settings) -> None:
    (missing,) = await check_metadata(Patient(settings, None))
    assert (missing.state, missing.advice) == ("fail", "run `openride migrate`")
    await upgrade(settings.metadata_url)
    (current,) = await check_metadata(Patient(settings, None))
    assert current.state == "ok"

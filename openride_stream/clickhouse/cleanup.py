"""Old schedule executions go: whole months as partitions, what is left of a month by a mutation.

Neither waits for inserts nor holds them up. Whoever dies half way has deleted a part; the same call deletes
the rest.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.hours import mark_hours
from openride_stream.clock import Clock, utc_from_ms

DAY_MS: Final = 86_400_000
# An execution may start a day after its record was written, and then its updates are older than itself: they
# stay two days longer.
_MARGIN_MS: Final = 2 * DAY_MS
_TIMEOUT_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What went, or would: `months` as YYYYMM, those that go whole."""

    before_ms: int
    executions: int
    months: tuple[str, ...]


async def clean_up(store: ClickHouse, clock: Clock, days_to_keep: int, who: str, *, dry_run: bool) -> Cleaned:
    """Delete executions that started before the last `days_to_keep` UTC days and today; or say what would go.

    `who` is put on record, in `schedule_cleanups`.

    Raises:
        StoreUnavailable: a part may be gone.
    """
    now_ms = clock.now_ms()
    before_ms = (now_ms // DAY_MS - days_to_keep) * DAY_MS
    found = await store.select(
        "SELECT count() AS executions FROM "
        f"{store.database}.schedule_executions FINAL WHERE started_processing_at < "
        "fromUnixTimestamp64Milli({before:Int64}, 'UTC') AND (analytics_id, precedence) NOT IN "
        f"(SELECT event_id, precedence FROM {store.database}.superseded_events)",
        {"before": before_ms},
    )
    months = await _whole_months(store, "schedule_executions", before_ms)
    cleaned = Cleaned(before_ms, found[0]["executions"], tuple(months))
    if not dry_run:
        await _record(store, cleaned, now_ms, who, "began")
        executions, updates = (_before(ms) for ms in (before_ms, before_ms - _MARGIN_MS))
        hours = await _hours(store, before_ms)
        # What answers are made from goes first.
        await _delete(store, "schedule_executions", before_ms, f"started_processing_at < {executions}")
        # A build that is under way has read what is gone: after this touch it counts for nothing.
        await mark_hours(store, hours)
        await _delete(store, "schedule_hours", before_ms, f"hour < {executions}")
        await _delete(store, "schedule_updates", before_ms - _MARGIN_MS, f"event_timestamp < {updates}")
        both = f"event_timestamp < {updates} OR (event_timestamp < {executions} AND NOT is_update)"
        await _delete(store, "schedule_analytics", before_ms - _MARGIN_MS, both)
        await _record(store, cleaned, clock.now_ms(), who, "done")
    return cleaned


async def _hours(store: ClickHouse, before_ms: int) -> list[int]:
    """The hours (since the epoch) that have executions of before, stored or built."""
    rows = await store.select(
        "SELECT DISTINCT toUnixTimestamp(hour) AS hour_s FROM (SELECT hour FROM "
        f"{store.database}.schedule_hours WHERE hour < {_before(before_ms)} UNION ALL "
        f"SELECT toStartOfHour(started_processing_at) AS hour FROM {store.database}.schedule_executions "
        f"WHERE started_processing_at < {_before(before_ms)})",
        bounded=False,
    )
    return [row["hour_s"] // 3600 for row in rows]


async def cleaned_before_ms(store: ClickHouse) -> int:
    """What started before (ms since the epoch) may have gone with a clean-up; 0 when there was none."""
    rows = await store.select(
        f"SELECT toUnixTimestamp64Milli(max(before)) AS before_ms FROM {store.database}.schedule_cleanups"
    )
    return int(rows[0]["before_ms"])


def _before(ms: int) -> str:
    return f"fromUnixTimestamp64Milli({ms}, 'UTC')"


async def _delete(store: ClickHouse, table: str, before_ms: int, condition: str) -> None:
    """Months that are older than `before_ms` as a whole, then what meets the condition."""
    for month in await _whole_months(store, table, before_ms):
        await store.execute(
            f"ALTER TABLE {store.database}.{table} DROP PARTITION {month}", timeout_s=_TIMEOUT_S
        )
    await store.execute(f"DELETE FROM {store.database}.{table} WHERE {condition}", timeout_s=_TIMEOUT_S)


async def _whole_months(store: ClickHouse, table: str, before_ms: int) -> list[str]:
    """Partitions all of whose rows are from before, in order."""
    rows = await store.select(
        "SELECT DISTINCT partition FROM system.parts WHERE database = {database:String} "
        "AND table = {table:String} AND active AND toUInt32(partition) < {month:UInt32} ORDER BY partition",
        {"database": store.database, "table": table, "month": _month(before_ms)},
    )
    return [row["partition"] for row in rows]


def _month(ms: int) -> int:
    moment: datetime = utc_from_ms(ms).astimezone(UTC)
    return moment.year * 100 + moment.month


async def _record(store: ClickHouse, cleaned: Cleaned, at_ms: int, who: str, step: str) -> None:
    row = {
        "cleaned_at": at_ms,
        "before": cleaned.before_ms,
        "who": who,
        "step": step,
        "executions": cleaned.executions,
        "months_dropped": cleaned.months,
    }
    await store.insert(f"{store.database}.schedule_cleanups", orjson.dumps(row))

"""Whatever decoding accepts, the real tables take and give back: every column of every row.

Hypothesis draws records, valid and mutated; their rows are collected and go into each table by one insert.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import hypothesis
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import strategies as st

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.deliveries import Format
from openride_stream.clickhouse.native import layout_of, written
from openride_stream.events.accept import accept
from openride_stream.events.columnar.scan import load
from openride_stream.events.decode import decode
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import EVENT_SHAPES
from openride_stream.events.topics import BY_NAME, TOPICS
from openride_stream.settings import Settings
from tests.events.batches import NOW_MS, POLICY, FakeRecord, topic_of
from tests.events.strategies import Event, as_bytes, executions, mutated, topic_values
from tests.fixtures.store import settings_for

Row = dict[str, Any]
EXAMPLES = 200
_SCHEDULES = [topic for topic in TOPICS if topic.tier]


@pytest.fixture
def settings(clickhouse_url: str) -> Settings:
    # What is drawn happens around a fixed moment, which no retention may reach.
    days = {f"retention_{kind}_days": 20_000 for kind in ("events", "location", "schedule")}
    return settings_for(clickhouse_url, **days)


@st.composite
def updates(draw: st.DrawFn) -> tuple[str, bytes]:
    """A partial update of a schedule execution: some of its fields, its id, `update`."""
    topic = draw(st.sampled_from(_SCHEDULES))
    whole: Event = draw(executions())
    kept = draw(st.sets(st.sampled_from(sorted(whole))))
    event = {name: value for name, value in whole.items() if name in kept and name != "schedule_type"}
    identity = {"analytics_id": str(draw(st.uuids())), "update": True}
    return topic.name, orjson.dumps(event | identity)


@st.composite
def records(draw: st.DrawFn) -> tuple[str, bytes]:
    """A record's topic and value: valid, an update, a schedule of another tier, or one of these mutated."""
    kind = draw(st.sampled_from(["valid", "valid", "schedule", "update"]))
    if kind == "update":
        topic, value = draw(updates())
    elif kind == "schedule":
        topic = draw(st.sampled_from(_SCHEDULES)).name
        tier = executions().map(lambda event: {**event, "schedule_type": BY_NAME[topic].tier})
        value = draw(as_bytes(tier))
    else:
        topic, value = draw(topic_values())
    return topic, draw(mutated(st.just(value))) if draw(st.integers(0, 3)) == 0 else value


def drawn_rows() -> tuple[dict[str, list[Row]], dict[str, list[FakeRecord]]]:
    """Accepted rows by table and their records by topic, each with an offset and an identity of its own: of
    `EXAMPLES` drawn records, and of two of each type, since a draw need not hit every table.
    """
    by_table: dict[str, list[Row]] = defaultdict(list)
    by_topic: dict[str, list[FakeRecord]] = defaultdict(list)
    identities: set[str] = set()
    offset = 0

    def keep(topic: str, value: bytes) -> None:
        nonlocal offset
        offset += 1
        record = FakeRecord(value, offset, NOW_MS)
        for row in decode(RecordBatch(topic, 3, [record]), POLICY, NOW_MS).rows:
            if row["event_id"] not in identities:  # a table keeps one row of each
                identities.add(row["event_id"])
                by_table[BY_NAME[topic].table].append(row)
                by_topic[topic].append(record)

    twice = [name for name in (*EVENT_SHAPES, EXECUTION_NAME) for _ in range(2)]
    for number, name in enumerate(twice):
        own = {"event_id": str(UUID(int=number)), "analytics_id": str(UUID(int=number))}
        keep(topic_of(name), orjson.dumps(example(name) | own))

    @seed(20260302)  # found once, found always; tests/events searches further
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(records())
    def collect(record: tuple[str, bytes]) -> None:
        keep(*record)

    collect()
    return by_table, by_topic


async def test_every_accepted_row_comes_back_equal(store: ClickHouse) -> None:
    load()
    by_table, by_topic = drawn_rows()
    assert by_table.keys() == {topic.table for topic in TOPICS}
    problems: list[str] = []
    in_columns = 0
    for table, rows in by_table.items():
        # Several batches, whose blocks become one where they have the same columns; the half as columns.
        layout = await layout_of(store, table)
        by_row = [row for row in rows if row["offset"] % 2]
        blocks = [block for batch in (by_row[:-1], by_row[-1:]) for block in layout.blocks(batch)]
        for topic, kept in by_topic.items():
            by_column = [record for record in kept if record.offset % 2 == 0]
            if by_column and BY_NAME[topic].table == table:
                accepted = accept(RecordBatch(topic, 3, by_column), POLICY, NOW_MS, least_records=1)
                in_columns += sum(map(len, accepted.columns))
                blocks += [*map(layout.block, accepted.columns), *layout.blocks(accepted.rows)]
        body = written(blocks)
        await store.insert(f"{store.database}.{table}", body, Format.NATIVE)
        kinds = await column_types(store, table)
        found = {row["offset"]: row for row in await read_back(store, table, kinds)}
        assert found.keys() == {row["offset"] for row in rows}, table
        for row in rows:
            problems += differences(table, row, found[row["offset"]], kinds)
    assert problems == []
    assert in_columns >= 15, "a type is missing"
    assert any(row.get("is_update") for row in by_table["schedule_analytics"])


async def column_types(store: ClickHouse, table: str) -> dict[str, str]:
    rows = await store.select(
        "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}",
        {"database": store.database, "table": table},
    )
    return {row["name"]: row["type"] for row in rows}


async def read_back(store: ClickHouse, table: str, kinds: dict[str, str]) -> list[Row]:
    """Every row; times as milliseconds since the epoch, as rows carry them."""
    columns = ", ".join(
        f"toUnixTimestamp64Milli(`{name}`) AS `{name}`" if "DateTime64" in kind else f"`{name}`"
        for name, kind in kinds.items()
    )
    return await store.select(f"SELECT {columns} FROM {store.database}.{table}")


def differences(table: str, given: Row, found: Row, kinds: dict[str, str]) -> Iterable[str]:
    """What was not kept: a column that is missing, or a value that is another one."""
    for name, value in given.items():
        if name not in kinds:
            yield f"{table}.{name}: no such column"
        elif not kept(value, found[name], kinds[name]):
            yield f"{table}.{name} {kinds[name]}: {value!r} came back as {found[name]!r}"


def kept(value: Any, found: Any, kind: str) -> bool:
    if value is None:
        return found is None or (not kind.startswith("Nullable") and not found)
    if "UUID" in kind:
        return UUID(value) == UUID(found)
    if "Decimal" in kind:
        return cents(value) == cents(found)
    return bool(value == found)


def cents(text: str) -> int:
    """Exact: "12.3" is 1230."""
    whole, _, fraction = str(text).partition(".")
    return int(whole + fraction.ljust(2, "0"))


@pytest.mark.parametrize("kind", ["events", "location", "schedule"])
def test_a_retention_that_the_store_would_take_for_none_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"retention_{kind}_days"):
        settings_for("http://nowhere", **{f"retention_{kind}_days": 36_500})

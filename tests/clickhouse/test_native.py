"""Native blocks: what is written is what is read, whatever columns the rows of an insert have."""

import uuid
from typing import Any

import orjson
import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.deliveries import Delivery, Format
from openride_stream.clickhouse.native import Layout, layout_of, written


def booking(**given: Any) -> dict[str, Any]:
    row = {
        "event_id": str(uuid.uuid4()),
        "event_type": "booking.created",
        "event_timestamp": 1_790_000_000_123,
        "booking_id": str(uuid.uuid4()),
        "payload": "{}",
        "topic": "openride.events.booking",
        "partition": 7,
        "offset": 2**53,
    }
    return row | given


@pytest.fixture
async def layout(store: ClickHouse) -> Layout:
    return await layout_of(store, "booking_events")


async def stored(store: ClickHouse, body: bytes) -> list[dict[str, Any]]:
    table = f"{store.database}.booking_events"
    await store.insert(table, body, Format.NATIVE)
    return await store.select(f"SELECT * FROM {table} ORDER BY confirmation_code")


async def test_blocks_of_one_insert_need_not_have_the_same_columns(store: ClickHouse, layout: Layout) -> None:
    first = [booking(confirmation_code="a", total_price="12.30", seats_booked=3)]
    second = [booking(confirmation_code="b", pickup_lat=-0.1, refund_initiated=True)]
    one, other = await stored(store, written(layout.blocks(first)) + written(layout.blocks(second)))
    assert (one["total_price"], one["seats_booked"], one["pickup_lat"]) == ("12.3", 3, None)
    assert (other["total_price"], other["seats_booked"], other["pickup_lat"]) == ("0", 0, -0.1)
    assert (one["refund_initiated"], other["refund_initiated"]) == (False, True)


async def test_a_row_without_a_value_has_the_tables_default(store: ClickHouse, layout: Layout) -> None:
    rows = [
        booking(confirmation_code="a", schema_version=4, trip_id=str(uuid.uuid4()), total_price="1.00"),
        booking(confirmation_code="b", cancelled_by="RIDER", city="Λάγος\0\n"),
    ]
    one, other = await stored(store, written(layout.blocks(rows)))
    assert (one["schema_version"], one["city"], one["cancelled_by"]) == (4, "", "")
    assert (other["schema_version"], other["city"], other["trip_id"]) == (1, "Λάγος\0\n", None)
    assert other["total_price"] == "0"


async def test_a_default_that_the_server_computes_is_left_to_it(store: ClickHouse, layout: Layout) -> None:
    rows = [booking(confirmation_code="a", precedence=17), booking(confirmation_code="b")]
    one, other = await stored(store, written(layout.blocks(rows)))
    assert one["precedence"] == 17
    alone = booking(confirmation_code="c")
    *_, third = await stored(store, written(layout.blocks([alone])))
    assert other["precedence"] == third["precedence"] != 0  # both of the same payload


def test_no_rows_are_no_blocks(layout: Layout) -> None:
    assert written(layout.blocks([])) == b""


async def test_a_large_batch_of_any_number_of_types_comes_whole(store: ClickHouse, layout: Layout) -> None:
    for kinds in (3, 500):
        rows = [booking(event_type=f"type {number % kinds}", offset=number) for number in range(1000)]
        await store.insert(f"{store.database}.booking_events", written(layout.blocks(rows)), Format.NATIVE)
        (found,) = await store.select(
            "SELECT count() AS rows, uniqExact(event_type) AS types, uniqExact(offset) AS offsets "
            f"FROM {store.database}.booking_events"
        )
        assert found == {"rows": 1000, "types": kinds, "offsets": 1000}
        await store.execute(f"TRUNCATE TABLE {store.database}.booking_events")


@pytest.mark.parametrize("misfit", [{"booking_id": "nobody"}, {"nowhere": 1}, {"partition": -1}])
def test_a_value_that_fits_no_column_is_left_for_the_store_to_refuse(
    layout: Layout, misfit: dict[str, Any]
) -> None:
    rows = [booking(**misfit)]
    sent = Delivery.of("booking_events", rows, lambda: None, None, layout=layout)  # type: ignore[arg-type]
    assert (sent.format, orjson.loads(sent.body)) == (Format.JSON, rows[0])


async def test_a_large_batch_of_few_kinds_and_one_of_many_are_stored_alike(
    store: ClickHouse, layout: Layout
) -> None:
    # Of as many columns each, but not the same ones; and enough rows for a block of each kind.
    kinds: list[dict[str, Any]] = [
        {"total_price": "1.50"},
        {"trip_id": str(uuid.uuid4())},
        {"event_type": "booking.completed", "duration_minutes": 2.5},
        {"precedence": 2**64 - 1, "seats_booked": 4},
    ]
    rows = [booking(confirmation_code=f"{number:03}", **kinds[number % 4]) for number in range(256)]
    stored_rows = await stored(store, written(layout.blocks(rows)))
    assert len(stored_rows) == 256
    for row, given in zip(stored_rows, rows, strict=True):
        assert row["event_id"] == given["event_id"]
        assert {name: str(row[name]) for name in kinds[int(given["confirmation_code"]) % 4]} == {
            name: str(given[name]).removesuffix("0") if name == "total_price" else str(given[name])
            for name in kinds[int(given["confirmation_code"]) % 4]
        }


async def test_blocks_of_several_batches_become_one(store: ClickHouse) -> None:
    table = f"{store.database}.route_events"
    layout = await layout_of(store, "route_events")
    batches = [
        [route(number, stops_count=3), route(number + 1, stops_count=None)] for number in range(0, 6, 2)
    ]
    blocks = [block for rows in batches for block in layout.blocks(rows)]
    assert written(blocks).count(b"event_id") == 1
    # Where an array ends is counted from the block's beginning: these stay apart.
    for _ in range(2):
        blocks += layout.blocks([route(6, active_days=["MON", "TUE"]), route(7, active_days=[])])
    await store.insert(table, written(blocks), Format.NATIVE)
    rows = await store.select(f"SELECT offset, stops_count, active_days FROM {table} ORDER BY offset")
    assert [(row["offset"], row["stops_count"], row["active_days"]) for row in rows] == [
        *((number, 0 if number % 2 else 3, []) for number in range(6)),
        *[(6, 0, ["MON", "TUE"])] * 2,
        *[(7, 0, [])] * 2,
    ]


def route(offset: int, **given: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": "route.created",
        "event_timestamp": 1_790_000_000_123,
        "route_id": str(uuid.uuid4()),
        "payload": "{}",
        "topic": "openride.events.route",
        "partition": 7,
        "offset": offset,
        **given,
    }

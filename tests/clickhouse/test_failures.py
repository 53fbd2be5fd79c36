"""What ClickHouse says decides between a retry, a refusal and a dead letter."""

import pytest

from openride_stream.clickhouse.failures import insert_failure, query_failure
from openride_stream.errors import Limit, StoreLimit, StoreRefused, StoreUnavailable

VIEW = (
    "Code: 6. DB::Exception: Cannot parse string 'abc' as UInt8: while executing 'FUNCTION toUInt8(x :: 1)': "
    "while pushing to view d.v. (CANNOT_PARSE_TEXT) (version 26.9.2.1 (official build))"
)
ROW = (
    "Code: 6. DB::Exception: Cannot parse string 'abc' as UInt8: (while reading the value of key seats): "
    "(at row 1) (CANNOT_PARSE_TEXT) (version 26.9.2.1 (official build))"
)


def test_a_row_that_cannot_be_read_is_refused_and_its_column_is_named() -> None:
    failure = insert_failure(ROW)
    assert isinstance(failure, StoreRefused)
    assert (failure.code, failure.column) == (6, "seats")


def test_a_view_that_fails_behind_the_table_is_no_fault_of_the_rows() -> None:
    assert isinstance(insert_failure(VIEW), StoreUnavailable)


@pytest.mark.parametrize("code", [0, 49, 159, 241, 243, 1001])
def test_a_server_in_trouble_may_answer_later(code: int) -> None:
    text = f"Code: {code}. DB::Exception: trouble"
    assert isinstance(query_failure(text), StoreUnavailable)
    assert isinstance(insert_failure(text), StoreUnavailable)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Code: 241. DB::Exception: Query memory limit exceeded: would use 67.22 MiB", "memory"),
        ("Code: 241. DB::Exception: Memory limit (for query) exceeded: would use 67.22 MiB", "memory"),
        ("Code: 159. DB::Exception: Timeout exceeded: elapsed 30.1 seconds, maximum: 30", "time"),
        ("Code: 160. DB::Exception: Estimated query execution time (99 seconds) is too long", "time"),
        ("Code: 158. DB::Exception: Limit for rows to read exceeded", "rows"),
        ("Code: 396. DB::Exception: Limit for result exceeded, max rows: 1.00 million", "rows"),
    ],
)
def test_a_limit_of_a_query_is_told_from_a_store_in_trouble(text: str, limit: Limit) -> None:
    failure = query_failure(text)
    assert isinstance(failure, StoreLimit)
    assert failure.limit == limit
    assert not isinstance(insert_failure(text), StoreLimit)


@pytest.mark.parametrize("whose", ["(total) memory limit", "User memory limit", "Memory limit (total)"])
def test_memory_that_all_queries_share_is_no_limit_of_one(whose: str) -> None:
    failure = query_failure(f"Code: 241. DB::Exception: {whose} exceeded: would use 3.00 GiB")
    assert type(failure) is StoreUnavailable


@pytest.mark.parametrize("code", [47, 60, 62, 497])
def test_a_statement_that_is_wrong_stays_wrong(code: int) -> None:
    assert isinstance(query_failure(f"Code: {code}. DB::Exception: no"), StoreRefused)
    assert isinstance(insert_failure(f"Code: {code}. DB::Exception: no"), StoreUnavailable)

"""What ClickHouse says decides between a retry, a refusal and a dead letter."""

import pytest

from openride_stream.clickhouse.failures import insert_failure, query_failure
from openride_stream.errors import StoreRefused, StoreUnavailable

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


@pytest.mark.parametrize("code", [47, 60, 62, 497])
def test_a_statement_that_is_wrong_stays_wrong(code: int) -> None:
    assert isinstance(query_failure(f"Code: {code}. DB::Exception: no"), StoreRefused)
    assert isinstance(insert_failure(f"Code: {code}. DB::Exception: no"), StoreUnavailable)

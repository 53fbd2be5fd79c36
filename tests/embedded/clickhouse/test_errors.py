import pytest

from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code


def test_the_engines_text_is_parsed_and_worded_as_the_server_does():
    error = ClickHouseError.from_engine("Code: 60. DB::Exception: Unknown table 't'. (UNKNOWN_TABLE)")
    assert (error.code, error.name, error.message) == (60, "UNKNOWN_TABLE", "Unknown table 't'.")
    assert error.text("26.9") == (
        "Code: 60. DB::Exception: Unknown table 't'. (UNKNOWN_TABLE) (version 26.9 (official build))\n"
    )


def test_what_the_engine_says_twice_is_said_once():
    error = ClickHouseError.from_engine(
        "Code: 27. DB::Exception: Code: 27. DB::Exception: Cannot parse: (at row 2)\n. "
        "(CANNOT_PARSE_INPUT_ASSERTION_FAILED) (version 26.9.2.1). (CANNOT_PARSE_INPUT_ASSERTION_FAILED)"
    )
    assert error.code == 27
    assert error.message == "Cannot parse: (at row 2)\n."


def test_text_that_is_not_clickhouses_is_kept():
    error = ClickHouseError.from_engine("something broke")
    assert (error.code, error.message) == (Code.UNKNOWN_EXCEPTION, "something broke")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (62, 400),
        (27, 400),
        (60, 404),
        (47, 404),
        (81, 404),
        (159, 408),
        (202, 503),
        (241, 500),
        (164, 500),
        (516, 403),
        (48, 501),
    ],
)
def test_codes_have_the_servers_statuses(code, status):
    assert ClickHouseError(code, "x").status == status

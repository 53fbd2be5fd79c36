import re

import pytest
from click.testing import CliRunner, Result

from openride_stream.cli.token import command
from openride_stream.errors import ConfigurationError
from web.tokens import Caller, caller_of, entry_of, new_token, parse_tokens

LINE = re.compile(r"OPENRIDE_API_TOKENS=(\S+)")


def run(*arguments: str, given: str | bytes | None = None, configured: str = "") -> Result:
    return CliRunner().invoke(command, arguments, input=given, env={"OPENRIDE_API_TOKENS": configured})


def test_a_new_token_is_printed_once_and_its_line_lets_it_in() -> None:
    printed = run("new", "--role", "analyst", "--name", "reports").stdout
    (token,) = re.findall(r"or_\S+", printed)
    (line,) = LINE.findall(printed)
    assert caller_of(token, parse_tokens(line)) == Caller("reports", "analyst")


def test_the_line_keeps_the_tokens_that_are_configured_and_replaces_a_namesake() -> None:
    others = [entry_of("a", "viewer", new_token()).text(), entry_of("b", "admin", new_token()).text()]
    (line,) = LINE.findall(run("new", "--role", "analyst", "--name", "b", configured=",".join(others)).stdout)
    assert line.startswith(f"{others[0]},b:analyst:")
    assert others[1] not in line


def test_an_existing_token_is_read_from_standard_input_and_not_printed() -> None:
    token = new_token()
    result = run("hash", "--role", "viewer", "--name", "grafana", given=f"{token}\n")
    assert LINE.findall(result.stdout) == [entry_of("grafana", "viewer", token).text()]
    assert token not in result.output


def test_a_guessable_token_and_a_bad_name_are_errors_of_ours() -> None:
    for given in ("hunter2\n", "", b"\xff" * 40):
        refused = run("hash", "--role", "viewer", "--name", "grafana", given=given)
        assert isinstance(refused.exception, ConfigurationError)
        assert "hunter2" not in str(refused.exception)
    assert isinstance(run("new", "--role", "viewer", "--name", "a,b").exception, ConfigurationError)


@pytest.mark.parametrize("arguments", [("new", "--name", "x"), ("new", "--role", "root", "--name", "x")])
def test_a_role_has_to_be_chosen(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2

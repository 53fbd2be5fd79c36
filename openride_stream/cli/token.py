"""`openride token`: bearer tokens of the API, of which the settings hold the hash alone."""

import click

from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from web.auth import configured
from web.tokens import ROLES, Entry, entry_of, new_token

_NAME = click.option("--name", required=True, metavar="NAME", help="Who uses the token; it is not secret.")
_ROLE = click.option(
    "--role", required=True, type=click.Choice(ROLES), help="What it may do; each role includes the former."
)


@click.group()
def command() -> None:
    """Make tokens for the HTTP API (OPENRIDE_API_TOKENS)."""


@command.command()
@_ROLE
@_NAME
def new(role: str, name: str) -> None:
    """Make a token and print it, this once, with the setting that lets it in."""
    token = new_token()
    line = _setting_line(entry_of(name, role, token))
    click.echo(f"The token of {name} ({role}). It is shown this once and kept nowhere:\n\n  {token}\n")
    _explain(line)


@command.command(name="hash")
@_ROLE
@_NAME
def hash_existing(role: str, name: str) -> None:
    """Print the setting for a token that exists already; the token is read from standard input."""
    if click.get_text_stream("stdin").isatty():
        token = click.prompt("Token", hide_input=True, err=True)
    else:
        token = _text_of(click.get_binary_stream("stdin").readline())
    _explain(_setting_line(entry_of(name, role, token.strip())))


def _text_of(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        message = "what stands on standard input is no token: it is not UTF-8"
        raise ConfigurationError(message) from None


def _setting_line(added: Entry) -> str:
    """The whole setting: the tokens that are configured here, and this one in place of its namesake."""
    others = [entry for entry in configured(Settings()) if entry.caller.name != added.caller.name]
    return f"OPENRIDE_API_TOKENS={','.join(entry.text() for entry in (*others, added))}"


def _explain(line: str) -> None:
    click.echo(f"In the environment (or .env) of every worker, then restart them:\n\n  {line}\n")

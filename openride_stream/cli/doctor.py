"""`openride doctor`: what is wrong, and what to do about it."""

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from openride_stream.cli.checks.broker import check_broker
from openride_stream.cli.checks.findings import Check, Finding, admit, examine
from openride_stream.cli.checks.issuer import check_issuer
from openride_stream.cli.checks.machine import check_codecs, check_disk, check_settings, check_workers
from openride_stream.cli.checks.mail import check_mail
from openride_stream.cli.checks.stack import check_stack
from openride_stream.cli.checks.storage import check_storage
from openride_stream.cli.checks.stores import check_clickhouse, check_metadata, check_redis
from openride_stream.env_example import env_example
from openride_stream.faulty_settings import refused

CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("stack", check_stack),
    ("settings", check_settings),
    ("codecs", check_codecs),
    ("kafka", check_broker),
    ("clickhouse", check_clickhouse),
    ("metadata", check_metadata),
    ("redis", check_redis),
    ("issuer", check_issuer),
    ("storage", check_storage),
    ("mail", check_mail),
    ("disk", check_disk),
    ("worker", check_workers),
)
# What can be said while there are no services to ask.
_ALWAYS: Final = frozenset({"stack", "settings", "codecs", "disk"})
DORMANT_CHECKS: Final = tuple(check for check in CHECKS if check[0] in _ALWAYS)
_MARKS: Final = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder; the addresses of a stack that runs there are used.  [default: OPENRIDE_DATA_DIR]",
)
@click.option("--env-example", "print_env", is_flag=True, help="Print .env.example and end.")
def command(as_json: bool, data_dir: Path | None, print_env: bool) -> None:
    """Check settings, codecs, services, topics, schema, clock and disk, and say what to do.

    Examined is what the settings name; where they name no service, the stack of the data folder.
    Exit code 1 when a check fails; warnings alone do not count.
    """
    if print_env:
        click.echo(env_example(), nl=False)
        return
    # What a client library logs about a service that is away is said by the findings.
    logging.disable(logging.CRITICAL)
    try:
        patient = admit(data_dir)
        findings = asyncio.run(examine(patient, DORMANT_CHECKS if patient.dormant else CHECKS))
    except ValidationError as error:
        findings = _invalid_settings(error)
    finally:
        logging.disable(logging.NOTSET)
    _print_json(findings) if as_json else _print_lines(findings)
    sys.exit(1 if any(finding.state == "fail" for finding in findings) else 0)


def _invalid_settings(error: ValidationError) -> list[Finding]:
    advice = "correct it in the environment or in .env"
    return [Finding("settings", "fail", sentence, advice) for sentence in refused(error)]


def _print_json(findings: Sequence[Finding]) -> None:
    click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))


def _print_lines(findings: Sequence[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(f"{_MARKS[finding.state]} {finding.check:<11} {escape(finding.message)}")
        if finding.advice and finding.state != "ok":
            console.print(f"  {'':<11} → {escape(finding.advice)}")

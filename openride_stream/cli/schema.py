"""`openride schema`: the JSON Schemas of the events, for producers."""

from pathlib import Path
from typing import Any

import click
import orjson

from openride_stream.events.json_schema import schemas


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as the file that `--out` writes: indented JSON with a final newline."""
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _write(known: dict[str, dict[str, Any]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in known.items():
        (folder / f"{name}.schema.json").write_text(schema_text(schema), encoding="utf-8")
    click.echo(f"{len(known)} schemas written to {folder}", err=True)


def _chosen(known: dict[str, dict[str, Any]], event_type: str | None) -> dict[str, dict[str, Any]]:
    if event_type is None:
        return known
    if event_type not in known:
        message = f"no such type; there are: {', '.join(known)}"
        raise click.BadParameter(message, param_hint="TYPE")
    return {event_type: known[event_type]}


@click.command()
@click.argument("event_type", metavar="[TYPE]", required=False)
@click.option("--all", "everything", is_flag=True, help="Print one JSON object with every schema, by type.")
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write files here.")
def command(event_type: str | None, everything: bool, folder: Path | None) -> None:
    """Print the JSON Schema of TYPE, or list the types; `--all` for all of them, `--out` for files."""
    chosen = _chosen(schemas(), event_type)
    if folder is not None:
        _write(chosen, folder)
    elif event_type is not None:
        click.echo(schema_text(chosen[event_type]), nl=False)
    elif everything:
        click.echo(schema_text(chosen), nl=False)
    else:
        click.echo("\n".join(chosen))

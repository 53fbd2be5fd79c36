"""`openride schema`."""

import orjson
from click.testing import CliRunner

from openride_stream.cli.schema import command
from openride_stream.events.json_schema import schemas


def run(*arguments):
    return CliRunner().invoke(command, list(arguments))


def test_without_arguments_it_lists_the_types():
    assert run().output.split() == list(schemas())


def test_one_type_is_one_schema():
    assert orjson.loads(run("trip.started").output) == schemas()["trip.started"]


def test_all_of_them_are_one_object():
    assert orjson.loads(run("--all").output) == schemas()


def test_an_unknown_type_is_a_clear_line():
    result = run("trip.teleported")
    assert result.exit_code == 2
    assert "there are: user.registered" in result.output


def test_files_are_written(tmp_path):
    assert run("--out", str(tmp_path / "made")).exit_code == 0
    assert len(list((tmp_path / "made").iterdir())) == len(schemas())
    assert run("trip.started", "--out", str(tmp_path / "one")).exit_code == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["trip.started.schema.json"]

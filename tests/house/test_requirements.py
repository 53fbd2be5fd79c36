"""The pinned requirements hold what the project needs, the same versions everywhere, from any index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = {
    "base": PROJECT["dependencies"],
    "embedded": PROJECT["optional-dependencies"]["embedded"],
    "dev": PROJECT["optional-dependencies"]["dev"],
}


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    pins = [line.split(";")[0].strip().split("==") for line in lines if line and not line.startswith("#")]
    return {name: version for name, version in pins}


def _normal(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


@pytest.mark.parametrize("name", FILES)
def test_every_dependency_is_pinned(name: str) -> None:
    missing = {_normal(requirement) for requirement in FILES[name]} - set(_pins(name))
    assert not missing, "run: make lock"


@pytest.mark.parametrize("extra", ["client", "pandas"])
def test_extras_that_have_no_file_are_tested_as_pinned(extra: str) -> None:
    wanted = PROJECT["optional-dependencies"][extra]
    assert {_normal(requirement) for requirement in wanted} <= set(_pins("dev")), "add them to dev"


def test_the_smaller_files_are_cut_out_of_the_largest() -> None:
    assert _pins("base").items() <= _pins("embedded").items() <= _pins("dev").items()


@pytest.mark.parametrize("name", FILES)
def test_no_index_and_no_machine_is_named(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links|(?<!\w)/\w", text)

"""Every curl and Python example of the documentation, run as it stands against the real web application."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from openride_stream import client
from tests.fixtures.served import Served

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HERE, THERE, TOKEN = "http://127.0.0.1:8097", "http://host:8097", "or_…"
TIMEOUT_S = 30
TIME_IS_UP = 28  # curl's code for it


@dataclass(frozen=True)
class Example:
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def examples() -> Iterator[Example]:
    for path in PAGES:
        page = path.read_text()
        for block in FENCE.finditer(page):
            line = page.count("\n", 0, block.start()) + 2
            name = str(path.relative_to(ROOT))
            if block[1] == "python":
                yield Example(name, line, "python", block[2])
                continue
            for number, text in enumerate(block[2].splitlines()):
                if text.startswith("curl "):
                    yield Example(name, line + number, "curl", text)


EXAMPLES = list(examples())
CURLS = [example for example in EXAMPLES if example.language == "curl"]
PYTHONS = [example for example in EXAMPLES if example.language == "python"]


def test_there_are_examples_where_people_look_for_them() -> None:
    assert {"README.md", "docs/http.md"} <= {example.page for example in CURLS}
    assert "docs/client.md" in {example.page for example in PYTHONS}
    for example in EXAMPLES:
        assert HERE in example.text or THERE in example.text, example


@pytest.mark.skipif(not (shutil.which("curl") or os.environ.get("CI")), reason="needs curl")
@pytest.mark.parametrize("example", CURLS, ids=str)
def test_a_curl_example_answers(example: Example, served: Served, tmp_path: Path) -> None:
    endless = "/sse" in example.text
    command = example.text.replace(HERE, served.url).replace(THERE, served.url)
    if TOKEN in command:
        command = command.replace(TOKEN, served.tokens["viewer"])
    else:  # on the machine of the stack none is needed
        command = command.replace("curl ", f"curl -H 'Authorization: Bearer {served.tokens['admin']}' ", 1)
    options = "--fail-with-body --silent --show-error --max-time " + ("1.5" if endless else str(TIMEOUT_S))
    run = subprocess.run(
        ["bash", "-c", command.replace("curl ", f"curl {options} ", 1)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S + 5,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == (TIME_IS_UP if endless else 0), run.stdout + run.stderr
    for saved in tmp_path.iterdir():
        assert saved.read_bytes().startswith(b"PK"), example  # a workbook
        return
    if "/csv" in command:
        assert run.stdout.startswith('"')
        return
    body = run.stdout.partition("data: ")[2].partition("\n")[0] if endless else run.stdout
    assert json.loads(body)


@pytest.mark.parametrize("example", PYTHONS, ids=str)
def test_a_python_example_prints_something(
    example: Example, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OpenRide", "AsyncOpenRide"):
        monkeypatch.setattr(client, name, _with_a_token(getattr(client, name), served.tokens["admin"]))
    printed = io.StringIO()
    code = compile(example.text.replace(HERE, served.url), str(example), "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, {"__name__": "__main__"})  # noqa: S102 - our own pages
    assert len(printed.getvalue().strip()) > 10
    assert "Empty DataFrame" not in printed.getvalue()


def _with_a_token(kind: type, token: str) -> type:
    class Authorized(kind):
        def __init__(self, base_url: str, **given: object) -> None:
            super().__init__(base_url, **{**given, "token": token})

    return Authorized

"""The documentation page: shipped whole, strict, and good for trying a call."""

import hashlib
import os
import re
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import SecretStr

from openride_stream.settings import Settings
from tests.fixtures.browser import Page
from tests.fixtures.web import Site
from web.tokens import entry_of, new_token

TOKEN = new_token()
STATIC = files("web").joinpath("static")
LIBRARY = STATIC.joinpath("vendor", "swagger-ui")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_tokens": SecretStr(entry_of("me", "admin", TOKEN).text())})


async def test_the_page_may_load_nothing_but_its_own_files(bare_site: Site) -> None:
    async with bare_site.client.get("/docs") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        policy, text = response.headers["Content-Security-Policy"], await response.text()
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|https?:", text)
    paths = re.findall(r'(?:src|href)="(/[^"]+)"', text)
    assert {"/static/docs.js", "/static/docs.css", "/openapi.json"} <= set(paths)
    for path in paths:
        async with bare_site.client.get(path) as response:
            assert (response.status, path) == (200, path)


def test_the_library_is_the_one_that_is_written_down_with_its_licence() -> None:
    told = LIBRARY.joinpath("README.md").read_text()
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert hashlib.sha256(LIBRARY.joinpath(name).read_bytes()).hexdigest() in told
    assert "Apache License" in LIBRARY.joinpath("LICENSE").read_text()
    assert LIBRARY.joinpath("NOTICE").is_file()


def test_no_token_is_kept_in_the_browser_and_no_other_document_is_shown() -> None:
    script = STATIC.joinpath("docs.js").read_text()
    for needed in ("persistAuthorization: false", "queryConfigEnabled: false", "validatorUrl: null"):
        assert needed in script


@pytest.mark.browser
async def test_a_browser_shows_every_operation_and_tries_one_with_a_token(
    bare_site: Site, page: Page
) -> None:
    start = bare_site.client.make_url("/docs")
    await page.open(str(start))
    async with bare_site.client.get("/openapi.json") as response:
        paths = (await response.json())["paths"]
    shown = "document.querySelectorAll('.opblock').length"
    await page.until(f"{shown} === {sum(map(len, paths.values()))}")
    block = "document.querySelector('#operations-Operations-get_v1_workers')"
    field = "document.querySelector('.modal-ux input')"
    write = (
        f"Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call({field}, '{TOKEN}')"
    )
    for action in (
        "document.querySelector('.authorize').click()",
        f"{write}; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))",
        "document.querySelector('.modal-ux .authorize').click()",
        "document.querySelector('.modal-ux .btn-done').click()",
        f"{block}.querySelector('.opblock-summary-control').click()",
        f"{block}.querySelector('.execute').click()",
        f"{block}.scrollIntoView()",
    ):
        await page.act(action)
    answer = await page.until(f"{block}.querySelector('.live-responses-table .response')?.innerText")
    if folder := os.environ.get("OPENRIDE_TEST_PICTURES"):
        await page.picture(Path(folder) / "docs.png")
    assert answer.startswith("200")
    assert page.errors == []
    origin = str(start.origin())
    assert {url for url in page.requested if not url.startswith((origin, "data:"))} == set()
    assert await page.until("`${localStorage.length + sessionStorage.length}`") == "0"

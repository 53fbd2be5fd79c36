"""The documentation page: shipped whole, strict, and good for trying a call."""

import hashlib
import re
from importlib.resources import files

import pytest
from playwright.async_api import Page, expect
from pydantic import SecretStr

from openride_stream.settings import Settings
from tests.fixtures.browser import PageLog, picture
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
    bare_site: Site, page: Page, page_log: PageLog
) -> None:
    start = bare_site.client.make_url("/docs")
    await page.goto(str(start))
    async with bare_site.client.get("/openapi.json") as response:
        paths = (await response.json())["paths"]
    await expect(page.locator(".opblock")).to_have_count(sum(map(len, paths.values())))
    await page.locator("button.authorize").first.click()
    asked = page.locator(".modal-ux")
    await asked.locator("input").fill(TOKEN)
    await asked.locator("button.authorize").click()
    await asked.locator(".btn-done").click()
    operation = page.locator("#operations-Operations-get_v1_workers")
    await operation.locator(".opblock-summary-control").click()
    await operation.locator(".execute").click()
    answer = operation.locator(".live-responses-table .response")
    await expect(answer).to_have_text(re.compile("^200"))
    await picture(page, "docs")
    assert page_log.errors == []
    origin = str(start.origin())
    assert {url for url in page_log.requested if not url.startswith((origin, "data:"))} == set()
    assert await page.evaluate("localStorage.length + sessionStorage.length") == 0

"""The page: what a browser is sent, and that it asks only for what exists."""

import re
import uuid
from importlib.resources import files

import pytest
from playwright.async_api import Page, expect

from openride_stream.api.figures import Bookings, Payments, Trips, Users
from openride_stream.clock import SystemClock, rfc3339
from openride_stream.events.example import example
from tests.fixtures.browser import PageLog, picture
from tests.fixtures.web import Site, fill
from web.views.page import SCRIPTS as MODULES

STATIC = files("web").joinpath("static")
INDEX, STYLE = (STATIC.joinpath(name).read_text() for name in ("index.html", "page.css"))
SCRIPTS = {name: STATIC.joinpath(f"{name}.js").read_text() for name in MODULES}
SCRIPT = "\n".join(SCRIPTS.values())
ANSWERS = {"users": Users, "bookings": Bookings, "payments": Payments, "trips": Trips}


async def test_the_page_may_load_nothing_but_its_own_files(bare_site: Site) -> None:
    async with bare_site.client.get("/") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = response.headers["Content-Security-Policy"]
        text = await response.text()
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
        async with bare_site.client.get(path) as response:
            assert response.status == 200
            assert len(await response.read()) > 100


@pytest.mark.parametrize("name", MODULES)
async def test_every_script_that_a_script_asks_for_is_served_and_has_what_is_asked_of_it(
    bare_site: Site, name: str
) -> None:
    async with bare_site.client.get(f"/static/{name}.js") as response:
        assert response.status == 200
        text = await response.text()
    exported = re.compile(r"^export (?:async )?(?:const|let|function|class) ([\w$]+)", re.M)
    for names, source in re.findall(r'import \{([^}]*)\} from "\./(\w+)\.js"', text):
        assert set(re.findall(r"[\w$]+", names)) <= set(exported.findall(SCRIPTS[source]))


def test_the_token_goes_into_a_header_and_the_tabs_own_storage_only() -> None:
    assert "Authorization: `Bearer ${token}`" in SCRIPT
    assert set(re.findall(r"(\w+)\.(?:getItem|setItem)\(", SCRIPT)) == {"sessionStorage"}
    assert not re.search(r"localStorage|document\.cookie|indexedDB|console\.", SCRIPT)
    # Every call of the API carries it; health needs none.
    assert re.findall(r"fetch\((\S+),", SCRIPT) == ["url", '"/health/live"']
    assert re.search(r'<input type="password" id="token"[^>]*autocomplete="off"', INDEX)


def test_nothing_that_the_policy_would_block_is_used() -> None:
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|javascript:", INDEX)
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|setAttribute\(\"style", SCRIPT)
    for text in (INDEX, SCRIPT.replace("http://www.w3.org/2000/svg", ""), STYLE):
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text)


async def test_the_page_is_told_the_currency(bare_site: Site) -> None:
    async with bare_site.client.get("/") as response:
        assert f'<meta name="currency" content="{bare_site.settings.currency}">' in await response.text()


@pytest.mark.parametrize("path", ["/", "/static/page.js"])
async def test_an_unchanged_file_is_not_sent_again(bare_site: Site, path: str) -> None:
    async with bare_site.client.get(path) as response:
        etag = response.headers["ETag"]
    async with bare_site.client.get(path, headers={"If-None-Match": etag}) as response:
        assert response.status == 304
        assert await response.read() == b""
    async with bare_site.client.get(path, headers={"If-None-Match": '"other"'}) as response:
        assert response.status == 200


async def test_a_head_request_gets_headers_only(bare_site: Site) -> None:
    async with bare_site.client.head("/") as response:
        assert response.status == 200
        assert await response.read() == b""


def test_every_figure_on_the_page_is_one_that_the_api_answers() -> None:
    shown = re.findall(r'data-figure="(\w+)\.(\w+)"', INDEX)
    assert len(shown) > 25
    for group, field in shown:
        if group in ANSWERS and (group, field) != ("users", "active"):
            assert field in ANSWERS[group].model_fields
    for field in re.findall(r'active: "(\w+)"', SCRIPT):
        assert field in Users.model_fields


def test_no_figure_on_the_page_is_of_one_worker() -> None:
    assert not re.search(r"openride_\w+|[\"'`]/metrics", SCRIPT), "the counters of a worker are its own"


def test_every_element_that_the_script_looks_up_is_on_the_page() -> None:
    for name in re.findall(r'\$\("([\w-]+)"\)', SCRIPT):
        assert f'id="{name}"' in INDEX


@pytest.mark.browser
async def test_notes_stand_beside_their_cards_and_are_spoken_once(
    site: Site, page: Page, page_log: PageLog
) -> None:
    """Also while they are asked for again; and they go with the question that they were about."""
    now = {"event_timestamp": rfc3339(SystemClock().now_ms())}
    named = [{"event_id": str(uuid.uuid4())} | now for _ in range(2)]
    await fill(site, [example("route.created") | named[0], example("trip.started") | named[1]])
    await page.goto(str(site.client.make_url("/#range=day&city=Lagoz")))
    trips, spoken = page.locator(".trips .notes"), page.locator("#spoken-notes")
    await expect(trips).to_contain_text("'Lagoz' (known: 'Lagos')")
    await expect(page.locator(".money .notes")).to_be_visible()
    await expect(page.locator("#empty-text")).to_contain_text("'Lagos'")
    async with page.expect_request(lambda _: len(page_log.requested) > 30):
        pass  # asked some times more
    await expect(spoken.locator("li")).to_have_count(1)
    await expect(spoken).to_have_attribute("aria-live", "polite")
    await expect(trips).to_contain_text("part of an hour")
    await picture(page, "notes")
    await page.locator("#empty-action").click()
    await expect(spoken.locator("li")).to_have_count(0)
    await expect(trips).not_to_contain_text("Lagoz")
    assert page_log.errors == []

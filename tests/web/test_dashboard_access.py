"""The page in a browser: for who sees it in the dark, on a phone, by keyboard or by ear."""

from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.fixtures.browser import picture
from tests.web.played import PlayedServer, usual
from tests.web.test_dashboard_strange import ask_all, play

pytestmark = pytest.mark.browser

AXE = files("tests.web").joinpath("vendor", "axe-core", "axe.min.js")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
RUN = """(runOnly) => axe.run({runOnly, resultTypes: ["violations"]}).then(({violations}) => violations.map(
  (one) => ({rule: one.id, where: one.nodes.map((node) => `${node.target}: ${node.any[0]?.message}`)})))"""
DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
CONTROLS = """() => [...document.querySelectorAll("a[href], button, input, [tabindex='0']")].filter((one) =>
  !one.disabled && one.checkVisibility() && (one.type !== "radio" || one.checked)).map(nameOf)"""
NAMED = """globalThis.nameOf = (one) => one.ariaLabel || one.id || one.value || one.textContent.trim()"""


async def violations(page: Page) -> list[dict[str, Any]]:
    """What of the page breaks WCAG 2.1 AA: the rule, and where."""
    found: list[dict[str, Any]] = await page.evaluate(RUN, WCAG)
    return found


async def test_nothing_on_the_page_breaks_wcag_in_light_or_dark_on_a_phone_or_a_desk(page: Page) -> None:
    server = PlayedServer(usual)
    await page.emulate_media(reduced_motion="reduce")
    await play(page, server)
    await page.evaluate(AXE.read_text())
    for scheme, width in (("light", 1280), ("dark", 1280), ("dark", 360)):
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": 1000})
        await page.evaluate(DRAWN)
        assert await violations(page) == [], (scheme, width)
        await picture(page, f"axe-{scheme}-{width}")
    await page.get_by_role("button", name="minute by minute: show as a table").click()
    assert await violations(page) == [], "a table that is open"
    await page.keyboard.press("Escape")
    for scheme, status, seen in (("light", 500, "#note"), ("dark", 401, "#gate")):
        server.reply = lambda path, status=status: status if path.startswith("/v1/") else usual(path)
        await ask_all(page)
        await page.emulate_media(color_scheme=scheme)
        await expect(page.locator(seen)).to_be_visible()
        assert await violations(page) == [], seen


async def test_the_tab_key_reaches_every_control_in_order_and_keeps_its_place(page: Page) -> None:
    await page.add_init_script(NAMED)
    await play(page, PlayedServer(usual))
    controls = await page.evaluate(CONTROLS)
    assert len(controls) > 40
    reached = []
    for _ in controls:
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("nameOf(document.activeElement)"))
    assert reached == controls
    city = page.locator("#cities button").first
    await city.focus()
    for _ in range(2):
        async with page.expect_response("**/v1/realtime/cities*"):
            pass
    await expect(city).to_be_focused()

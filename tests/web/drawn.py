"""What is drawn on the dashboard, read back as figures, and its lists as rows of text."""

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Page

from tests.web.dashboard import written

Rows = list[list[str]]
_POINTS = "(line) => [line.ownerSVGElement.viewBox.baseVal.height, [...line.points].map((point) => point.y)]"
_ROWS = (
    "(rows) => rows.map((row) => [...row.children].flatMap((cell) => "
    "cell.children.length > 1 ? [...cell.children].map((one) => one.textContent) : [cell.textContent]))"
)


async def line_of(page: Page, selector: str, top: float, floor: float) -> list[float]:
    """Where each point of a line is, as shares of the way from `floor` to `top` (pixels off the edges)."""
    height, points = await page.locator(selector).evaluate(_POINTS)
    return [(height - floor - y) / (height - floor - top) for y in points]


def shares(values: Sequence[float], least: float) -> Any:
    """What of the highest (or of `least`) each value is, as exactly as a line is drawn."""
    most = max(least, *values)
    return pytest.approx([value / most for value in values], abs=0.01)


async def rows_of(page: Page, body: str) -> Rows:
    """The texts of a table's rows; a cell of several parts is as many texts."""
    found: Rows = await page.locator(f"#{body} tr").evaluate_all(_ROWS)
    return found


def route_row(route: dict[str, Any]) -> list[str]:
    """As the page ranks a route."""
    taken = route["avg_occupancy"]
    return [
        route["route_name"] or route["route_id"][:8],
        " → ".join(filter(None, (route["origin_city"], route["destination_city"]))),
        written(route["total_bookings"], "count"),
        written(route["total_revenue"], "money"),
        "–" if taken is None else f"{written(100 * taken, 'count')} %",
    ]


def driver_row(driver: dict[str, Any]) -> list[str]:
    """As the page ranks a driver."""
    days = driver["active_days"]
    return [
        driver["driver_id"][:8],
        f"{days} {'day' if days == 1 else 'days'}, {written(driver['total_distance_km'], 'km')}",
        written(driver["total_trips"], "count"),
        written(driver["total_earnings"], "money"),
        written(driver["avg_earnings_per_trip"], "money"),
    ]


def cohort_row(cohort: dict[str, Any]) -> list[str]:
    """As the heat map has a cohort; a period that has not ended is empty."""
    rates = cohort["retention_by_period"].values()
    cells = ["" if rate is None else f"{written(rate, 'count')} %" for rate in rates]
    return [cohort["cohort_period"], written(cohort["cohort_size"], "count"), *cells]


def as_text(record: dict[str, Any]) -> dict[str, str]:
    """The fields of an answer as a CSV file has them; those of a field of fields beside the others."""
    inner = {name: one for part in record.values() if isinstance(part, dict) for name, one in part.items()}
    flat = {name: one for name, one in record.items() if not isinstance(one, dict)} | inner
    return {name: _in_csv(one) for name, one in flat.items()}


def _in_csv(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)

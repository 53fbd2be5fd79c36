"""How long answers are kept, and what a client that has one is told."""

from tests.fixtures.web import Site, fill
from tests.web.test_metrics import RANGE, event

TRIPS, PLACES = "/v1/metrics/trips", "/v1/analytics/geographic"


async def outcome(site: Site, path: str, **parameters: str) -> str:
    async with site.client.get(path, params=parameters) as response:
        assert response.status == 200
        return response.headers["X-Cache"]


async def test_the_past_is_kept_long_and_now_for_seconds(site: Site) -> None:
    minute_ms = 60_000
    site.runtime.clock.ms = site.runtime.clock.ms // minute_ms * minute_ms
    for path, kept_s in ((TRIPS, 300), (PLACES, 3600)):
        past = {"start_date": "2025-01-01", "end_date": "2025-02-01"}
        now: dict[str, str] = {"end_date": "2099-01-01", "start_date": "2098-12-01"}
        assert [await outcome(site, path, **past), await outcome(site, path, **now)] == ["miss", "miss"]
        site.runtime.clock.advance(14)
        assert [await outcome(site, path, **past), await outcome(site, path, **now)] == ["hit", "hit"]
        site.runtime.clock.advance(1)
        assert [await outcome(site, path, **past), await outcome(site, path, **now)] == ["hit", "miss"]
        site.runtime.clock.advance(kept_s - 16)
        assert await outcome(site, path, **past) == "hit"
        site.runtime.clock.advance(1)
        assert await outcome(site, path, **past) == "miss"


async def test_who_has_the_figures_is_told_that_they_are_still_so(site: Site) -> None:
    async with site.client.get(TRIPS, params=RANGE) as response:
        tag = response.headers["ETag"]
        assert response.headers["Cache-Control"] == "private, no-cache"
    for given, status in ((tag, 304), (f'"other", {tag}', 304), ("*", 304), ('"other"', 200)):
        async with site.client.get(TRIPS, params=RANGE, headers={"If-None-Match": given}) as response:
            assert (response.status, given) == (status, given)
            assert response.headers["ETag"] == tag
            assert bool(await response.read()) == (status == 200)
    await fill(site, [event("trip.started")])
    async with site.client.get(TRIPS, params=RANGE, headers={"If-None-Match": tag}) as response:
        assert (response.status, response.headers["X-Cache"]) == (200, "miss")
        assert response.headers["ETag"] != tag

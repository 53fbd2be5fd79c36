"""Bytes that no client of good will sends are answered all the same."""

from yarl import URL

from tests.fixtures.web import Site

ODD = {
    "/%FF%FE": 404,
    "/%ED%A0%80": 404,
    "/%00": 404,
    "/v1/metrics/trips?city=%FF": 200,
    "/v1/metrics/trips?city=%ED%A0%80": 200,
    "/v1/metrics/trips?city=%00": 200,
    "/v1/metrics/trips?city=%5C%27%0A%0D%09": 200,
    "/v1/metrics/trips?%FF=1": 400,
    "/v1/metrics/trips?start_date=%FF": 400,
    "/v1/metrics/trips?start_date=%D9%A2026-01-01": 400,
    "/v1/metrics/trips?=": 400,
}


async def test_odd_bytes_in_a_request_never_break_the_answer(site: Site) -> None:
    for path, status in ODD.items():
        async with site.client.get(URL(path, encoded=True)) as response:
            assert (response.status, path) == (status, path)
            assert await response.json(content_type=None)

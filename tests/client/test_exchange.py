"""Asking again after a 429 or a 503: only when wanted, never sooner than told, never for too long."""

from collections.abc import Iterator

import httpx
import pytest

from openride_stream.client import (
    AsyncOpenRide,
    OpenRide,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    aio,
    sync,
)

Refusal = tuple[int, str | None]


def refusing(*refusals: Refusal) -> httpx.MockTransport:
    """Refuses so many times, then answers."""
    left: Iterator[Refusal] = iter(refusals)

    def answer(_: httpx.Request) -> httpx.Response:
        status, retry_after = next(left, (200, None))
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return httpx.Response(status, headers=headers, json={"status": "alive"})

    return httpx.MockTransport(answer)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(sync, "sleep", waited.append)
    monkeypatch.setattr(aio, "sleep", wait)
    return waited


def test_it_asks_once_unless_told_otherwise(waits: list[float]) -> None:
    with OpenRide(transport=refusing((503, "2"))) as client, pytest.raises(Unavailable) as caught:
        client.health_live()
    assert (waits, caught.value.retry_after_s) == ([], 2)


async def test_it_waits_as_long_as_it_is_told(waits: list[float]) -> None:
    refusals: tuple[Refusal, ...] = ((503, "2"), (429, "0"), (503, None))
    with OpenRide(transport=refusing(*refusals), retries=3) as client:
        assert client.health_live().status == "alive"
    async with AsyncOpenRide(transport=refusing(*refusals), retries=3) as aclient:
        assert (await aclient.health_live()).status == "alive"
    assert waits == [2, 0, 1] * 2


async def test_it_gives_up_after_so_many_and_before_too_long_a_wait(waits: list[float]) -> None:
    client = OpenRide(transport=refusing(*[(429, "1")] * 3), retries=2)
    with client, pytest.raises(TooManyRequests):
        client.health_live()
    assert waits == [1, 1]
    async with AsyncOpenRide(transport=refusing((429, "61")), retries=2) as aclient:
        with pytest.raises(TooManyRequests):
            await aclient.health_live()
    assert waits == [1, 1]


def test_what_will_not_change_is_not_asked_again(waits: list[float]) -> None:
    with OpenRide(transport=refusing((401, "1")), retries=2) as client, pytest.raises(Unauthorized):
        client.health_live()
    assert waits == []

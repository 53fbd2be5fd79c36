"""What is refused, on the real web application; what is in between, on a transport that says so."""

from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from openride_stream.client import (
    ApiError,
    AsyncOpenRide,
    ClientError,
    Forbidden,
    InvalidParameter,
    NotFound,
    OpenRide,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from openride_stream.errors import OpenRideError, Transient
from tests.fixtures.clickhouse import free_port
from tests.fixtures.served import Served
from tests.fixtures.web import Site, StartSite, open_site
from web.tokens import entry_of, new_token

Answering = Callable[[httpx.Request], httpx.Response]


def over(answer: Answering) -> OpenRide:
    return OpenRide("http://test/api", transport=httpx.MockTransport(answer))


def test_who_may_not_is_told_so(served: Served) -> None:
    for token in (None, new_token()):
        with OpenRide(served.url, token) as client, pytest.raises(Unauthorized, match="token") as caught:
            client.users()
        assert (caught.value.status, caught.value.title) == (401, "Unauthorized")
        assert "or_" not in str(caught.value)
    with OpenRide(served.url, served.tokens["viewer"]) as client, pytest.raises(Forbidden, match="analyst"):
        client.funnel()


def test_a_token_from_a_file_is_sent_without_its_newline(served: Served) -> None:
    with OpenRide(served.url, f" {served.tokens['viewer']}\r\n") as client:
        assert client.users().total_users == 1
    with OpenRide(served.url, "\n") as client, pytest.raises(Unauthorized):
        client.users()


@pytest.mark.parametrize("rest", ["\n{}", "\x00{}", "é{}", "\ud800{}"])
def test_what_cannot_be_a_token_is_refused_and_not_repeated(rest: str) -> None:
    token = new_token()
    for kind in (OpenRide, AsyncOpenRide):
        with pytest.raises(ValueError, match="the token holds") as caught:
            kind("http://test", token + rest.format(token))
        assert "or_" not in str(caught.value)


def test_every_faulty_parameter_is_named(served: Served) -> None:
    with OpenRide(served.url, served.tokens["viewer"]) as client:
        with pytest.raises(InvalidParameter) as caught:
            client.drivers(limit=0, sort="tips")  # type: ignore[arg-type]
        error = caught.value
        assert (error.status, error.parameter) == (422, "limit")
        assert [fault.parameter for fault in error.faults] == ["limit", "sort"]
        assert error.detail in str(error)
        assert error.kind == "urn:openride:problem:invalid-parameter"
        with pytest.raises(InvalidParameter) as caught:
            client.users(start_date="soon")
        assert (caught.value.status, caught.value.parameter) == (400, "start_date")
        assert "2026-01-31" in caught.value.faults[0].detail


def test_another_path_is_not_found(served: Served) -> None:
    with OpenRide(f"{served.url}/v9", served.tokens["viewer"]) as client, pytest.raises(NotFound):
        client.users()


async def test_a_worker_that_starts_says_when_to_ask_again(start_site: StartSite, bare_site: Site) -> None:
    starting = await start_site(bare_site.runtime.store, running=False)
    async with AsyncOpenRide(str(starting.client.make_url("/"))) as client:
        with pytest.raises(Unavailable) as caught:
            await client.users()
        assert (caught.value.status, caught.value.retry_after_s) == (503, 5)
        assert (await client.health()).worker is None


async def test_a_token_that_is_used_too_often_waits(start_site: StartSite, bare_site: Site) -> None:
    token = new_token()
    entries = SecretStr(entry_of("one", "viewer", token).text())
    limited = bare_site.settings.model_copy(update={"api_tokens": entries, "api_requests_per_minute": 2})
    async with (
        open_site(limited, bare_site.runtime.store, bare_site.runtime.clock) as site,
        AsyncOpenRide(str(site.client.make_url("/")), token) as client,
    ):
        for _ in range(2):
            await client.realtime()
        with pytest.raises(TooManyRequests) as caught:
            await client.realtime()
    assert caught.value.retry_after_s == 30


def test_no_connection_and_a_time_out_are_one_error() -> None:
    with OpenRide(f"http://127.0.0.1:{free_port()}") as client, pytest.raises(Unreachable, match="127"):
        client.users()

    def too_late(request: httpx.Request) -> httpx.Response:
        message = ""
        raise httpx.ReadTimeout(message, request=request)

    with over(too_late) as client, pytest.raises(Unreachable, match="ReadTimeout"):
        client.users()
    with OpenRide("127.0.0.1:8097") as client, pytest.raises(Unreachable, match="http://"):
        client.users()


async def test_the_other_client_says_the_same() -> None:
    async with AsyncOpenRide(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(Unreachable):
            await client.users()


@pytest.mark.parametrize(
    "body",
    [b"<h1>Bad gateway</h1>", b"[1]", b"{", b'{"errors": 3}', b'{"errors": [null]}', b"[" * 100_000],
)
@pytest.mark.parametrize("kind", ["text/html", "application/problem+json"])
@pytest.mark.parametrize("after", ["soon", "-1", "9" * 5000])
def test_a_refusal_of_something_in_between_has_its_status(body: bytes, kind: str, after: str) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/metrics/users"
        return httpx.Response(502, content=body, headers={"Content-Type": kind, "Retry-After": after})

    with over(refuse) as client, pytest.raises(ApiError, match="502 Bad Gateway") as caught:
        client.users(city="Lagos")
    assert type(caught.value) is ApiError
    assert (caught.value.faults, caught.value.parameter, caught.value.retry_after_s) == ((), None, None)
    assert "Lagos" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<h1>Hello</h1>", b"{}", b'{"status": "dead"}'])
def test_a_success_of_somebody_else_is_no_answer(body: bytes) -> None:
    client = over(lambda _: httpx.Response(200, content=body))
    with client, pytest.raises(UnexpectedAnswer, match="Live"):
        client.health_live()


def test_a_field_that_a_newer_server_adds_is_left_out() -> None:
    body = b'{"status": "ready", "reasons": [], "since": 3}'
    with over(lambda _: httpx.Response(200, content=body)) as client:
        assert client.health_ready().model_dump() == {"status": "ready", "reasons": []}


def test_a_password_in_the_address_is_not_repeated() -> None:
    address = f"http://me:secret@127.0.0.1:{free_port()}"
    with OpenRide(address) as client, pytest.raises(Unreachable) as unreachable:
        client.users()
    transport = httpx.MockTransport(lambda _: httpx.Response(502))
    with OpenRide(address, transport=transport) as client, pytest.raises(ApiError) as refused:
        client.users()
    for caught in (unreachable, refused):
        assert "127.0.0.1" in str(caught.value)
        assert "secret" not in str(caught.value)


def test_it_is_one_tree() -> None:
    for error in (Unreachable, UnexpectedAnswer, ApiError):
        assert issubclass(error, ClientError)
    assert issubclass(ClientError, OpenRideError)
    for error in (Unreachable, TooManyRequests, Unavailable):
        assert issubclass(error, Transient)

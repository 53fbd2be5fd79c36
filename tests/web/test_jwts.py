"""JSON Web Tokens: the issuer's count, nobody else's do, and an issuer that is away costs nothing."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from pydantic import SecretStr

from openride_stream.cli.checks.findings import Patient
from openride_stream.cli.checks.issuer import check_issuer
from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from tests.fixtures.clock import ManualClock
from tests.fixtures.web import Site
from web.auth import check_binding
from web.jwks import parse_jwks
from web.jwt_policy import JwtPolicy, jwt_policy
from web.jwts import JwtTokens
from web.problems import Problem
from web.tokens import Caller

ISSUER, AUDIENCE, SECRET = "https://issuer.example", "openride", "a secret of more than thirty-two bytes"
RSA, OTHER_RSA = (RSAKey.generate_key(2048, {"kid": kid}) for kid in ("r1", "r2"))
EC = ECKey.generate_key("P-256", {"kid": "e1"})
START_MS = 1_780_000_000_000


def claims(**given: Any) -> dict[str, Any]:
    now_s = START_MS // 1000
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "amina", "exp": now_s + 600, "role": "analyst"}
    return {name: value for name, value in (usual | given).items() if value is not None}


def signed(key: Any, algorithm: str, header: dict[str, Any] | None = None, **given: Any) -> str:
    named = {"kid": key.kid} if key.kid else {}
    return jwt.encode({"alg": algorithm, **named, **(header or {})}, claims(**given), key, [algorithm])


def by_secret(text: str = SECRET, **given: Any) -> str:
    return signed(OctKey.import_key(text), "HS256", **given)


def part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def public(*keys: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def policy(secret: str = "", jwks: str = "", role_claim: str = "role") -> JwtPolicy:
    return JwtPolicy(secret.encode(), jwks, ISSUER, AUDIENCE, role_claim)


class Issuer:
    """Serves a JWKS; counts how often it is asked."""

    def __init__(self) -> None:
        self.body: Any = public(RSA, EC)
        self.status, self.asked = 200, 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def answer(self, request: web.Request) -> web.Response:
        del request
        self.asked += 1
        await self.gate.wait()
        return web.json_response(self.body, status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def issuer() -> AsyncIterator[tuple[Issuer, str]]:
    """The issuer and the URL of its keys."""
    found = Issuer()
    app = web.Application()
    app.router.add_get("/keys", found.answer)
    async with TestServer(app) as server:
        yield found, str(server.make_url("/keys"))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


async def refusal(tokens: JwtTokens, token: str) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        await tokens.caller(token)
    return int(caught.value.status), caught.value.detail


async def test_a_secret_checks_its_own_tokens_and_no_others(clock: ManualClock) -> None:
    tokens = JwtTokens(policy(SECRET), clock)
    assert await tokens.caller(by_secret()) == Caller("amina", "analyst", "jwt")
    good = by_secret()
    header, payload, signature = good.split(".")
    admin = part(claims(role="admin"))
    for wrong in (
        by_secret("another secret of more than thirty-two bytes"),
        f"{header}.{admin}.{signature}",
        f"{header}.{payload}.",
        f"{part({'alg': 'none'})}.{admin}.",
        f"{part({'alg': 'None', 'typ': 'JWT'})}.{admin}.{signature}",
        f"{part({'alg': ['HS256']})}.{admin}.{signature}",
        f"{part({'alg': 'HS256', 'kid': {}})}.{payload}.{signature}",
        f"{part({'alg': 'HS256', 'crit': ['x'], 'x': 1})}.{payload}.{signature}",
        signed(OctKey.import_key(SECRET * 2), "HS512"),
        signed(RSA, "RS256"),
        good + ".x",
        "a.b.c",
        "..",
        "é.é.é",
        base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.x",
        "",
    ):
        assert await tokens.caller(wrong) is None, wrong


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"exp": START_MS // 1000 - 31}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": float("nan")}, "exp"),
        ({"nbf": START_MS // 1000 + 31}, "not come yet (nbf)"),
        ({"iat": START_MS // 1000 + 31}, "issued in the future (iat)"),
        ({"iss": "https://other.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "somebody-else"}, "aud"),
        ({"aud": None}, "aud"),
        ({"sub": None}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "a\nb"}, "subject"),
        ({"sub": "s" * 257}, "subject"),
    ],
)
async def test_what_the_issuer_did_not_mean_for_us_or_for_now_is_401(
    clock: ManualClock, given: dict[str, Any], said: str
) -> None:
    status, detail = await refusal(JwtTokens(policy(SECRET), clock), by_secret(**given))
    assert (status, said in detail) == (401, True), detail
    # Our own words, and nothing of what is expected or was sent.
    assert not any(
        told in detail for told in ("laim", ISSUER, AUDIENCE, "other", "somebody-else", "tomorrow")
    )


async def test_a_token_counts_until_it_expires_give_or_take_a_clock(clock: ManualClock) -> None:
    tokens = JwtTokens(policy(SECRET), clock)
    token = by_secret(aud=["others", AUDIENCE])
    clock.advance(629)
    assert await tokens.caller(token)
    clock.advance(1)
    assert (await refusal(tokens, token))[0] == 401


async def test_the_role_is_where_the_setting_says_and_the_highest_of_a_list(clock: ManualClock) -> None:
    given = {
        "role": None,
        "realm_access": {"roles": ["offline", "analyst", "viewer"]},
        "https://a.example/role": "admin",
    }
    for claim, role in (("realm_access.roles", "analyst"), ("https://a.example/role", "admin")):
        caller = await JwtTokens(policy(SECRET, role_claim=claim), clock).caller(by_secret(**given))
        assert caller
        assert caller.role == role
    for role in ("Admin", "root", ["none"], {"admin": True}, 3, None, ""):
        assert (await refusal(JwtTokens(policy(SECRET), clock), by_secret(role=role)))[0] == 403


async def test_the_keys_of_a_jwks_check_rs256_and_es256(
    clock: ManualClock, issuer: tuple[Issuer, str]
) -> None:
    server, url = issuer
    tokens = JwtTokens(policy(jwks=url), clock)
    for key, algorithm in ((RSA, "RS256"), (EC, "ES256")):
        assert await tokens.caller(signed(key, algorithm)) == Caller("amina", "analyst", "jwt")
    without_id = RSAKey.import_key(RSA.as_dict(private=True) | {"kid": ""})
    assert await tokens.caller(signed(without_id, "RS256")) is not None
    public_pem = RSA.as_pem(private=False)
    forged_header, forged_payload = part({"alg": "HS256", "kid": "r1"}), part(claims(role="admin"))
    mac = OctKey.import_key(base64.urlsafe_b64encode(public_pem))
    forged = jwt.encode({"alg": "HS256", "kid": "r1"}, claims(role="admin"), mac, ["HS256"])
    own = RSAKey.generate_key(2048, {"kid": "r1"})
    brought = {"jwk": own.as_dict(private=False), "jku": url}
    for wrong in (
        forged,
        f"{forged_header}.{forged_payload}.{forged.rpartition('.')[2]}",
        signed(own, "RS256", brought),
        signed(RSA, "RS384"),
        signed(RSA, "PS256"),
        signed(EC, "ES256", {"kid": "r1"}),
    ):
        assert await tokens.caller(wrong) is None
    assert server.asked == 1


async def test_a_new_key_is_asked_for_and_made_up_ones_are_not_asked_for_often(
    clock: ManualClock, issuer: tuple[Issuer, str]
) -> None:
    server, url = issuer
    tokens = JwtTokens(policy(jwks=url), clock)
    await asyncio.gather(*(tokens.caller(signed(RSA, "RS256")) for _ in range(20)))
    assert server.asked == 1, "one answer for all who ask"
    server.body = public(RSA, OTHER_RSA)
    for _ in range(20):
        assert await tokens.caller(signed(OTHER_RSA, "RS256")) is None
    assert server.asked == 1, "not within ten seconds"
    clock.advance(10)
    assert await tokens.caller(signed(OTHER_RSA, "RS256"))
    assert (server.asked, await tokens.caller(signed(EC, "ES256"))) == (2, None), "withdrawn"


async def test_a_known_key_is_good_while_the_issuer_is_away(
    clock: ManualClock, issuer: tuple[Issuer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.jwks._TIMEOUT_S", 0.1)
    server, url = issuer
    tokens = JwtTokens(policy(jwks=url), clock)
    assert await tokens.caller(signed(RSA, "RS256"))
    later = {"exp": START_MS // 1000 + 1_000_000}
    for status, body in ((500, {}), (200, {"keys": []}), (200, [1]), (302, {}), (200, "x" * 300_000)):
        server.status, server.body = status, body
        clock.advance(700)
        assert await tokens.caller(signed(RSA, "RS256", **later)), "nobody waits for keys that are known"
        assert (await refusal(tokens, signed(OTHER_RSA, "RS256", **later)))[0] == 503
    asked = server.asked
    server.gate.clear()
    clock.advance(700)
    assert (await refusal(tokens, signed(OTHER_RSA, "RS256", **later)))[0] == 503
    assert (await refusal(tokens, signed(OTHER_RSA, "RS256", **later)))[0] == 503
    assert server.asked == asked + 1
    server.gate.set()
    server.status, server.body = 200, public(RSA, OTHER_RSA)
    clock.advance(10)
    assert await tokens.caller(signed(OTHER_RSA, "RS256", **later))


async def test_a_jwks_may_be_a_file(clock: ManualClock, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    tokens = JwtTokens(policy(jwks=str(file)), clock)
    assert (await refusal(tokens, signed(EC, "ES256")))[0] == 503
    file.write_text(json.dumps(public(EC)))
    clock.advance(10)
    assert await tokens.caller(signed(EC, "ES256"))


async def test_the_doctor_says_whether_the_keys_can_be_had(issuer: tuple[Issuer, str]) -> None:
    server, url = issuer

    async def found(**given: str) -> list[str]:
        named = {"issuer": ISSUER, "audience": AUDIENCE} | given
        return [
            f"{one.state} {one.message}" for one in await check_issuer(Patient(settings_with(**named), None))
        ]

    assert await found() == await found(secret=SECRET) == await found(jwks=url, issuer="") == []
    assert await found(jwks=url) == ["ok 2 keys of the issuer of tokens (ES256, RS256)"]
    server.status = 503
    for jwks, said in (
        (url, "answered 503"),
        ("http://127.0.0.1:1/x", "Connect"),
        ("nowhere.json", "No such file"),
    ):
        (told,) = await found(jwks=jwks)
        assert told.startswith("fail ")
        assert said in told


def test_keys_for_something_else_are_left_out() -> None:
    rsa, ec = public(RSA)["keys"][0], public(EC)["keys"][0]
    weak = rsa | {"kid": "weak", "n": base64.urlsafe_b64encode(b"\xc1" * 128).decode()}
    others = [
        rsa | {"kid": "enc", "use": "enc"},
        rsa | {"kid": "512", "alg": "RS512"},
        rsa | {"kid": "bad", "n": "!"},
        ec | {"kid": "point", "x": ec["y"]},
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
        {"kty": "EC", "crv": "P-384", "kid": "p384"},
        weak,
        "no key",
    ]
    assert set(parse_jwks(json.dumps({"keys": [*others, rsa]}).encode())) == {("r1", "RS256")}
    with pytest.raises(ValueError, match="no key"):
        parse_jwks(json.dumps({"keys": others}).encode())


def settings_with(**given: Any) -> Settings:
    named = {f"api_jwt_{name}": value for name, value in given.items()}
    return Settings(_env_file=None, pii_key="k", **named)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"secret": SECRET, "issuer": ISSUER}, "JWT_AUDIENCE"),
        ({"secret": SECRET, "audience": AUDIENCE}, "JWT_ISSUER"),
        ({"secret": "short", "issuer": ISSUER, "audience": AUDIENCE}, "could be guessed"),
        ({"secret": SECRET, "jwks": "https://a.example", "issuer": ISSUER, "audience": AUDIENCE}, "both set"),
        (
            {"secret": RSA.as_pem(private=False).decode(), "issuer": ISSUER, "audience": AUDIENCE},
            "OPENRIDE_API_JWT_JWKS",
        ),
        ({"jwks": "http://issuer.example/keys", "issuer": ISSUER, "audience": AUDIENCE}, "use https"),
    ],
)
def test_settings_that_would_let_others_in_are_refused(given: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        check_binding(settings_with(**given))
    assert SECRET not in str(caught.value)


def test_an_issuer_is_as_good_as_a_token_for_a_network_address() -> None:
    given = {"jwks": "http://127.0.0.1:9/keys", "issuer": ISSUER, "audience": AUDIENCE}
    settings = settings_with(**given).model_copy(update={"web_host": "0.0.0.0"})
    check_binding(settings)
    assert jwt_policy(settings_with()) is None


@pytest.fixture
def settings(settings: Settings) -> Settings:
    update = {"api_jwt_secret": SecretStr(SECRET), "api_jwt_issuer": ISSUER, "api_jwt_audience": AUDIENCE}
    return settings.model_copy(update=update)


async def test_the_api_takes_them_like_any_other_token(bare_site: Any) -> None:
    exp = bare_site.runtime.clock.now_ms() // 1000 + 60
    for token, path, status in (
        (by_secret(exp=exp), "/metrics", 200),
        (by_secret(exp=exp, role="viewer"), "/v1/workers", 403),
        (by_secret(exp=exp, role="admin"), "/v1/workers", 200),
        (by_secret(exp=exp, role=None), "/metrics", 403),
        (by_secret(exp=1), "/metrics", 401),
        ("a.b.c", "/metrics", 401),
    ):
        headers = {"Authorization": f"Bearer {token}"}
        async with bare_site.client.get(path, headers=headers) as response:
            assert (response.status, path) == (status, path), await response.text()
            assert ("WWW-Authenticate" in response.headers) == (status in (401, 403))
    protocols = ("bearer", by_secret(exp=exp))
    async with bare_site.client.ws_connect("/v1/metrics/realtime/ws", protocols=protocols) as connection:
        assert "as_of" in await connection.receive_json()


class TestAnIssuerWithKeys:
    @pytest.fixture
    def settings(self, settings: Settings, issuer: tuple[Issuer, str]) -> Settings:
        update = {"api_jwt_secret": SecretStr(""), "api_jwt_jwks": issuer[1]}
        return settings.model_copy(update=update)

    async def test_the_api_takes_its_tokens_also_by_keys_that_are_new(
        self, bare_site: Site, issuer: tuple[Issuer, str]
    ) -> None:
        server, _ = issuer
        clock = bare_site.runtime.clock

        async def asked(key: Any, algorithm: str, **given: Any) -> int:
            token = signed(key, algorithm, exp=clock.now_ms() // 1000 + 600, **given)
            headers = {"Authorization": f"Bearer {token}"}
            async with bare_site.client.get("/metrics", headers=headers) as response:
                return response.status

        assert [await asked(RSA, "RS256"), await asked(EC, "ES256")] == [200, 200]
        for wrong in (
            {"iss": "https://other.example"},
            {"aud": "somebody-else"},
            {"iss": None},
            {"aud": None},
        ):
            assert await asked(RSA, "RS256", **wrong) == 401, wrong
        assert await asked(OTHER_RSA, "RS256") == 401
        server.body = public(OTHER_RSA, EC)
        clock.advance(10)
        assert [await asked(OTHER_RSA, "RS256"), await asked(EC, "ES256")] == [200, 200]
        assert await asked(RSA, "RS256") == 401, "withdrawn"
        assert server.asked <= 3

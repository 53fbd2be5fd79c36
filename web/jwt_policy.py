"""What a JSON Web Token must be to count, from the settings; nothing is fetched here."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings

_SHORTEST_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class JwtPolicy:
    """Signed with `secret` (HS256), or by a key of `jwks` (RS256, ES256): one of the two is set.

    `jwks` is a URL or the path of a file. `role_claim` is the name of a claim, or a path into nested ones
    with dots between.
    """

    secret: bytes
    jwks: str
    issuer: str
    audience: str
    role_claim: str


def jwt_policy(settings: Settings) -> JwtPolicy | None:
    """The policy; None where no JSON Web Tokens are taken.

    Raises:
        ConfigurationError: the settings contradict each other, or would let others make tokens.
    """
    secret, jwks = settings.api_jwt_secret.get_secret_value().encode(), settings.api_jwt_jwks
    if not secret and not jwks:
        return None
    if secret and jwks:
        message = "OPENRIDE_API_JWT_SECRET and OPENRIDE_API_JWT_JWKS are both set: one of them says who signs"
        raise ConfigurationError(message)
    for name in ("issuer", "audience"):
        if not getattr(settings, f"api_jwt_{name}"):
            message = f"OPENRIDE_API_JWT_{name.upper()} is empty: tokens made for somebody else would count"
            raise ConfigurationError(message)
    _check_secret(secret)
    _check_url(jwks)
    return JwtPolicy(
        secret, jwks, settings.api_jwt_issuer, settings.api_jwt_audience, settings.api_jwt_role_claim
    )


def _check_secret(secret: bytes) -> None:
    if b"-----BEGIN" in secret:
        message = (
            "OPENRIDE_API_JWT_SECRET is a certificate or of a key pair: set OPENRIDE_API_JWT_JWKS for it"
        )
        raise ConfigurationError(message)
    if secret and len(secret) < _SHORTEST_SECRET_BYTES:
        message = f"OPENRIDE_API_JWT_SECRET has less than {_SHORTEST_SECRET_BYTES} bytes: it could be guessed"
        raise ConfigurationError(message)


def _check_url(jwks: str) -> None:
    """Whoever can answer in the issuer's place can make tokens."""
    try:
        address = urlsplit(jwks)
        host = address.hostname or ""
    except ValueError as error:
        message = f"OPENRIDE_API_JWT_JWKS: {error}"
        raise ConfigurationError(message) from None
    if address.scheme.lower() == "http" and not is_loopback(host):
        message = (
            f"OPENRIDE_API_JWT_JWKS: whoever is on the way to {host} could make tokens; use https or a file"
        )
        raise ConfigurationError(message)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"

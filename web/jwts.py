"""JSON Web Tokens: who calls, said and signed by an issuer that the settings trust.

The algorithm follows from the settings and never from the token: a token names one of those that its kind
of key allows, or it is nobody's. `none` is not among them, and a public key never checks an HS256.
"""

import warnings
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import OctKey

from openride_stream.clock import Clock
from openride_stream.errors import ConfigurationError
from web.challenges import bad_token, lacking
from web.jwks import Key, PublicKeys
from web.jwt_policy import JwtPolicy
from web.tokens import ROLES, Caller

# Clocks of issuers and workers differ by this much at most.
_LEEWAY_S: Final = 30
_LONGEST_NAME: Final = 256
# What is expected is not said: whoever was given the token knows who made it, and for whom.
_WRONG: Final = {
    "iss": "its issuer (iss) is not the one that is trusted here",
    "aud": "it was made for somebody else (aud)",
    "nbf": "its time has not come yet (nbf), or cannot be read",
    "iat": "it was issued in the future (iat), or it cannot be read when",
    "exp": "when it expires (exp) cannot be read",
    "sub": "its subject (sub) cannot be used as a name",
}
_SYMMETRIC: Final = frozenset({"HS256"})
_ASYMMETRIC: Final = frozenset({"RS256", "ES256"})


class JwtTokens:
    """Recognises the tokens that a policy lets count."""

    def __init__(self, policy: JwtPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._secret = _secret_of(policy) if policy.secret else None
        self._keys = PublicKeys(policy.jwks, clock)
        self._algorithms = _SYMMETRIC if policy.secret else _ASYMMETRIC

    async def caller(self, token: str) -> Caller | None:
        """Who `token` was given to; None for a text that is no token of the issuer's.

        Raises:
            Problem: 401 when it is one and has expired or is not for us, 403 when it names no role of ours,
                503 when the issuer's keys are needed and cannot be had.
        """
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, TypeError, RecursionError):
            return None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or not isinstance(key_id, str | None):
            return None
        if algorithm not in self._algorithms:
            return None
        key = self._secret or await self._keys.find(key_id, algorithm)
        claims = _claims(token, key, algorithm) if key is not None else None
        if claims is None:
            return None
        self._check(claims)
        return self._caller(claims)

    def _check(self, claims: dict[str, Any]) -> None:
        rules = jwt.JWTClaimsRegistry(
            now=self._clock.now_ms() // 1000,
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._policy.issuer},
            aud={"essential": True, "value": self._policy.audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            rules.validate(claims)
        except ExpiredTokenError:
            detail = "the token has expired"
            raise bad_token(detail) from None
        except (MissingClaimError, InvalidClaimError) as error:
            detail = f"the token does not count here: {_fault(error)}"
            raise bad_token(detail) from None

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        name = claims["sub"]
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            detail = "the token does not count here: its subject cannot be used as a name"
            raise bad_token(detail)
        given = _at(claims, self._policy.role_claim)
        named = given if isinstance(given, list) else [given]
        roles = [role for role in ROLES if role in named]
        if not roles:
            detail = f"the token names none of {', '.join(ROLES)} in {self._policy.role_claim}"
            raise lacking(detail)
        return Caller(name, roles[-1], "jwt", claims["exp"] + _LEEWAY_S)


def _fault(error: ClaimError) -> str:
    if isinstance(error, MissingClaimError):
        return f"it lacks {error.claim.replace(',', ', ')}"
    return _WRONG.get(error.claim, f"its {error.claim} cannot be read")


def _secret_of(policy: JwtPolicy) -> OctKey:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return OctKey.import_key(policy.secret)
        except (ValueError, Warning) as error:
            message = f"OPENRIDE_API_JWT_SECRET cannot be used: {error}"
            raise ConfigurationError(message) from None


def _claims(token: str, key: Key | OctKey, algorithm: str) -> dict[str, Any] | None:
    try:
        return jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def _at(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of that very name, which may have dots in it, else the one at that path."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found

"""Check of who signs JSON Web Tokens."""

from collections.abc import Sequence

from openride_stream.cli.checks.findings import Finding, Patient
from openride_stream.errors import ConfigurationError
from web.jwt_policy import jwt_policy


async def check_issuer(patient: Patient) -> Sequence[Finding]:
    """Whether the issuer's keys can be had, where its tokens count."""
    try:
        policy = jwt_policy(patient.settings)
    except ConfigurationError:
        return []  # the check of settings tells it
    if policy is None or not policy.jwks:
        return []
    # Loaded for those who have an issuer, like its only other use.
    from web.jwks import KeysUnavailable, read_jwks

    try:
        keys = await read_jwks(policy.jwks)
    except KeysUnavailable as error:
        advice = "correct OPENRIDE_API_JWT_JWKS; until then JSON Web Tokens get 503, static ones are good"
        return [Finding("issuer", "fail", f"the keys of the issuer of tokens cannot be had: {error}", advice)]
    algorithms = ", ".join(sorted({algorithm for _, algorithm in keys}))
    return [Finding("issuer", "ok", f"{len(keys)} keys of the issuer of tokens ({algorithms})")]

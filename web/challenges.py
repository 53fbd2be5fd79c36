"""Why a caller is not let in, as RFC 6750 has it told."""

from typing import Final

from web.endpoint import Role
from web.problems import Problem

_CHALLENGE: Final = 'Bearer realm="openride"'


def no_token() -> Problem:
    """401: there is none, or more than one."""
    detail = "a token is needed: send `Authorization: Bearer <token>`"
    return Problem(401, detail, headers={"WWW-Authenticate": _CHALLENGE})


def bad_token(detail: str) -> Problem:
    """401: there is one that does not count."""
    return Problem(401, detail, headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'})


def lacking(detail: str, needed: Role | None = None) -> Problem:
    """403: it counts, and its role is too low."""
    scope = f', scope="{needed}"' if needed else ""
    challenge = f'{_CHALLENGE}, error="insufficient_scope"{scope}'
    return Problem(403, detail, headers={"WWW-Authenticate": challenge})

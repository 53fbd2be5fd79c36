"""One question to the API, made from the arguments of a function whose signature declares it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

from pydantic import BaseModel

Moment = datetime | date | str
"""ISO 8601, or what has it. As in the API, what carries no offset is UTC and a date is its midnight."""

A = TypeVar("A", bound=BaseModel)
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Call(Generic[A]):
    """A request that is answered by an `answer`, also with a status in `others`.

    `path` is the declared one, `url` has the parameters that are part of it; `body` is a JSON object.
    """

    path: str
    answer: type[A]
    parameters: Mapping[str, str]
    others: frozenset[int]
    url: str
    method: str = "GET"
    body: Mapping[str, object] | None = None


def get(
    path: str, answer: type[A], *, others: frozenset[int] = frozenset(), method: str = "GET"
) -> Callable[[Callable[P, None]], Callable[P, Call[A]]]:
    """Declare an endpoint by a function without a body: keywords are its parameters, None leaves one out."""

    def declare(signature: Callable[P, None]) -> Callable[P, Call[A]]:
        @wraps(signature)
        def build(*args: P.args, **kwargs: P.kwargs) -> Call[A]:
            # Called for Python's own complaint about a keyword that is not declared.
            signature(*args, **kwargs)
            given = {name: text_of(value) for name, value in kwargs.items() if value is not None}
            url = url_of(path, given)
            return Call(path, answer, given, others, url, method)

        return build

    return declare


def send(
    method: str, path: str, answer: type[A], *, identity: str, fixed: Mapping[str, object] | None = None
) -> Callable[[Callable[P, None]], Callable[P, Call[A]]]:
    """Declare an endpoint that takes a JSON object: keywords are its fields, but for those of the path.

    `identity` is made where it is not given, so that what is sent again is the same; so are `fixed` fields.
    """

    def declare(signature: Callable[P, None]) -> Callable[P, Call[A]]:
        @wraps(signature)
        def build(*args: P.args, **kwargs: P.kwargs) -> Call[A]:
            signature(*args, **kwargs)
            given = {name: value for name, value in kwargs.items() if value is not None}
            in_path = {name: text_of(given.pop(name)) for name in [*given] if f"{{{name}}}" in path}
            body = {identity: str(uuid4()), **(fixed or {})}
            body |= {name: _json_of(value) for name, value in given.items()}
            return Call(path, answer, {}, frozenset(), url_of(path, in_path), method, body)

        return build

    return declare


def _json_of(value: object) -> object:
    return text_of(value) if isinstance(value, date | UUID) else value


def url_of(path: str, given: dict[str, str]) -> str:
    """The path with its own parameters, which are taken out of `given`."""
    names = [name for name in given if f"{{{name}}}" in path]
    return path.format(**{name: quote(given.pop(name), safe="") for name in names})


def text_of(value: object) -> str:
    """A parameter as it stands in a URL, before its percent-encoding."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)


def as_method(method: Callable[..., Any], declared: Callable[..., Any]) -> None:
    """Have a notebook show of `method` what was `declared`: its name, its words, its keywords."""
    keywords = inspect.signature(declared)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    method.__name__ = declared.__name__
    method.__doc__ = declared.__doc__
    method.__signature__ = keywords.replace(  # type: ignore[attr-defined]
        parameters=[own, *keywords.parameters.values()], return_annotation=inspect.Signature.empty
    )

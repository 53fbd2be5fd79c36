"""One question to the API, made from the arguments of a function whose signature declares it."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import wraps
from typing import Any, Generic, Literal, ParamSpec, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

from pydantic import BaseModel

Moment = datetime | date | str
"""ISO 8601, or what has it. As in the API, what carries no offset is UTC and a date is its midnight."""

Method = Literal["GET", "POST", "PATCH", "DELETE"]

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
    method: Method = "GET"
    body: Mapping[str, object] | None = None


class Nothing(BaseModel):
    """The answer of what has none, or of what is no JSON: a file."""


def get(
    path: str, answer: type[A], *, others: frozenset[int] = frozenset(), method: Method = "GET"
) -> Callable[[Callable[P, None]], Callable[P, Call[A]]]:
    """Declare an endpoint by a function without a body: keywords are its parameters, None leaves one out."""

    def declare(signature: Callable[P, None]) -> Callable[P, Call[A]]:
        @wraps(signature)
        def build(*args: P.args, **kwargs: P.kwargs) -> Call[A]:
            # Called for Python's own complaint about a keyword that is not declared.
            signature(*args, **kwargs)
            return _call(method, path, answer, kwargs, others)

        return build

    return declare


def send(
    method: Method, path: str, answer: type[A], *, identity: str, fixed: Mapping[str, object] | None = None
) -> Callable[[Callable[P, None]], Callable[P, Call[A]]]:
    """The same as `post` for what is sent under an identity.

    `identity` is made where it is not given, so that what is sent again is the same; so are `fixed` fields.
    """

    def declare(signature: Callable[P, None]) -> Callable[P, Call[A]]:
        @wraps(signature)
        def build(*args: P.args, **kwargs: P.kwargs) -> Call[A]:
            signature(*args, **kwargs)
            given = {name: value for name, value in kwargs.items() if value is not None}
            in_path = {name: given.pop(name) for name in [*given] if f"{{{name}}}" in path}
            body = {identity: str(uuid4()), **(fixed or {})}
            body |= {name: _json_of(value) for name, value in given.items()}
            return replace(_call(method, path, answer, in_path), body=body)

        return build

    return declare


def delete(path: str) -> Callable[[Callable[P, None]], Callable[P, Call[Nothing]]]:
    """Declare what is answered by nothing but its success."""

    def declare(signature: Callable[P, None]) -> Callable[P, Call[Nothing]]:
        @wraps(signature)
        def build(*args: P.args, **kwargs: P.kwargs) -> Call[Nothing]:
            signature(*args, **kwargs)
            return _call("DELETE", path, Nothing, kwargs)

        return build

    return declare


def patch(path: str, answer: type[A]) -> Callable[[Callable[P, None]], Callable[P, Call[A]]]:
    """The same as `post` for what changes something."""
    return post(path, answer, method="PATCH")


def post(
    path: str, answer: type[A], *, method: Method = "POST"
) -> Callable[[Callable[P, None]], Callable[P, Call[A]]]:
    """Declare what takes a JSON body: keywords are its fields, but for those that the path names."""

    def declare(signature: Callable[P, None]) -> Callable[P, Call[A]]:
        @wraps(signature)
        def build(*args: P.args, **kwargs: P.kwargs) -> Call[A]:
            signature(*args, **kwargs)
            named = {name: value for name, value in kwargs.items() if f"{{{name}}}" in path}
            body = {name: value for name, value in kwargs.items() if name not in named and value is not None}
            return replace(_call(method, path, answer, named), body=body)

        return build

    return declare


def _call(
    method: Method,
    path: str,
    answer: type[A],
    given: Mapping[str, object],
    others: frozenset[int] = frozenset(),
) -> Call[A]:
    texts = {name: text_of(value) for name, value in given.items() if value is not None}
    url = re.sub(r"{(\w+)}", lambda named: quote(texts.pop(named[1]), safe=""), path)
    return Call(path, answer, texts, others, url, method)


def _json_of(value: object) -> object:
    return text_of(value) if isinstance(value, date | UUID) else value


def text_of(value: object) -> str:
    """A parameter as it stands in a URL, before its percent-encoding."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)


def as_method(method: Callable[..., Any], declared: Callable[..., Any], *first: str) -> None:
    """Have a notebook show of `method` what was `declared`: its name, its words, its keywords.

    `first` are the names of what it takes beside them, before them.
    """
    keywords = inspect.signature(declared)
    own = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in ("self", *first)]
    method.__name__ = declared.__name__
    method.__doc__ = declared.__doc__
    method.__signature__ = keywords.replace(  # type: ignore[attr-defined]
        parameters=[*own, *keywords.parameters.values()], return_annotation=inspect.Signature.empty
    )

"""One question to the API, made from the arguments of a function whose signature declares it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

from pydantic import BaseModel

Moment = datetime | date | str
"""ISO 8601, or what has it. As in the API, what carries no offset is UTC and a date is its midnight."""

A = TypeVar("A", bound=BaseModel)
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Call(Generic[A]):
    """A GET of `path` that is answered by an `answer`, also with a status in `others`."""

    path: str
    answer: type[A]
    parameters: Mapping[str, str]
    others: frozenset[int]


def get(
    path: str, answer: type[A], *, others: frozenset[int] = frozenset()
) -> Callable[[Callable[P, None]], Callable[P, Call[A]]]:
    """Declare an endpoint by a function without a body: keywords are its parameters, None leaves one out."""

    def declare(signature: Callable[P, None]) -> Callable[P, Call[A]]:
        @wraps(signature)
        def build(*args: P.args, **kwargs: P.kwargs) -> Call[A]:
            # Called for Python's own complaint about a keyword that is not declared.
            signature(*args, **kwargs)
            given = {name: text_of(value) for name, value in kwargs.items() if value is not None}
            return Call(path, answer, given, others)

        return build

    return declare


def text_of(value: object) -> str:
    """A parameter as it stands in a URL, before its percent-encoding."""
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

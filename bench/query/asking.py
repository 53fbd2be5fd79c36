"""Asks endpoints over HTTP, as clients would, and notes how long each answer took."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from openride_stream.errors import Fatal

Params = dict[str, str]
QUANTILES: Final = (0.50, 0.95, 0.99)
_TIMEOUT_S: Final = 300.0
_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """One endpoint with the parameters of one request; `of` is its own path, where it has some in it."""

    path: str
    params: Params
    of: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """How long one answer took, and whether it came from the cache; `path` is that of the endpoint."""

    path: str
    took_ms: float
    hit: bool


async def ask(base_url: str, questions: Sequence[Question], clients: int) -> list[Answered]:
    """Every question once, by so many clients that each wait for their answer.

    Raises:
        Fatal: an answer is none.
    """
    waiting = list(reversed(questions))
    found: list[Answered] = []
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(base_url, timeout=timeout) as session:

        async def client() -> None:
            while waiting:
                found.append(await _answered(session, waiting.pop()))

        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(client())
    return found


async def _answered(session: aiohttp.ClientSession, question: Question) -> Answered:
    began_s = time.perf_counter()
    while True:
        status, body, hit = await _once(session, question)
        if status == 200:
            return Answered(question.of or question.path, (time.perf_counter() - began_s) * 1000, hit)
        # Too much at once: who asks again waits longer, and that counts.
        if status != 503 or time.perf_counter() - began_s > _TIMEOUT_S:
            message = f"{question.path} {question.params}: {status} {body[:300]!r}"
            raise Fatal(message)
        await asyncio.sleep(_PAUSE_S)


async def _once(session: aiohttp.ClientSession, question: Question) -> tuple[int, bytes, bool]:
    try:
        async with session.get(question.path, params=question.params) as answer:
            return answer.status, await answer.read(), answer.headers.get("X-Cache") == "hit"
    except (TimeoutError, aiohttp.ClientError) as error:
        message = f"{question.path} {question.params}: no answer ({type(error).__name__}: {error})"
        raise Fatal(message) from error


def quantiles_ms(answers: Sequence[Answered]) -> list[float]:
    """The `QUANTILES` (nearest rank) of how long answers took."""
    took = sorted(answer.took_ms for answer in answers)
    return [round(took[min(int(len(took) * quantile), len(took) - 1)], 1) for quantile in QUANTILES]

"""A worker that is asked, and what it answered by path."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import aiohttp

from bench.peers import PEERS
from bench.query.asking import Answered, Question, ask
from bench.stage import Stage
from openride_stream.embedded.ports import LOOPBACK
from openride_stream.errors import Fatal

_READY_WITHIN_S: Final = 120.0
_POLL_S: Final = 1.0

Answers = dict[str, list[Answered]]


@asynccontextmanager
async def serving(stage: Stage, more: Mapping[str, str]) -> AsyncIterator[str]:
    """A worker that answers; what it is asked is not counted against a limit, as nobody has a token."""
    url = f"http://{LOOPBACK}:{stage.env['OPENRIDE_WEB_PORT']}"
    beside = replace(stage, env={**stage.env, **more})
    async with beside.child("peer", PEERS["openride"].argv), aiohttp.ClientSession() as session:
        deadline_s = time.monotonic() + _READY_WITHIN_S
        while not await _answers(session, url):
            if time.monotonic() > deadline_s:
                message = f"the worker did not answer: {stage.log_tail('peer')}"
                raise Fatal(message)
            await asyncio.sleep(_POLL_S)
        yield url


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/health/ready") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError):
        return False


async def by_path(url: str, every: Sequence[Question], clients: int) -> Answers:
    """Every question once; the answers by path."""
    found: Answers = defaultdict(list)
    for answer in await ask(url, every, clients):
        found[answer.path].append(answer)
    return found

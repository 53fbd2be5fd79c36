"""Many clients that listen to what a worker pushes, in one process: by WebSocket and by server-sent events.

Prints `listening <clients>` once each of them has an answer; a line on standard input ends it, and it prints
one JSON object: how many answers came, and how old they were when they did.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from datetime import datetime

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from bench.latency import quantiles

_AT_ONCE = 50
_TIMESTAMP = b'"timestamp":"'
_LENGTH = len("2026-01-01T00:00:00.000Z")


class Heard:
    """What all clients heard."""

    def __init__(self, clients: int) -> None:
        self._waiting = clients
        self.everybody = asyncio.Event()
        self.answers = 0
        self.ages_ms: Counter[int] = Counter()

    def first(self) -> None:
        """One more client has an answer."""
        self._waiting -= 1
        if not self._waiting:
            self.everybody.set()

    def take(self, body: bytes) -> None:
        """Count one answer; some are asked for their age, as that costs more than to receive them."""
        self.answers += 1
        if self.answers % _AT_ONCE == 0:
            begin = body.index(_TIMESTAMP) + len(_TIMESTAMP)
            made = datetime.fromisoformat(body[begin : begin + _LENGTH].decode())
            self.ages_ms[max(0, round((time.time() - made.timestamp()) * 1000))] += 1


async def by_websocket(session: ClientSession, url: str, heard: Heard) -> None:
    async with session.ws_connect(f"{url}/v1/metrics/realtime/ws", compress=0) as pushed:
        heard.take((await pushed.receive_str()).encode())
        heard.first()
        async for message in pushed:
            heard.take(message.data.encode())


async def by_events(session: ClientSession, url: str, heard: Heard) -> None:
    is_first = True
    async with session.get(f"{url}/v1/metrics/realtime/sse") as stream:
        async for line in stream.content:
            if line.startswith(b"data:"):
                heard.take(line)
                if is_first:
                    is_first = False
                    heard.first()


async def listen(url: str, clients: int) -> None:
    """Until a line comes in."""
    heard = Heard(clients)
    timeout = ClientTimeout(total=None, sock_connect=60)
    async with ClientSession(connector=TCPConnector(limit=0), timeout=timeout) as session:
        listening = []
        for number in range(clients):
            client = by_events if number % 2 else by_websocket
            listening.append(asyncio.create_task(client(session, url, heard)))
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0.02)
        done = asyncio.create_task(heard.everybody.wait())
        finished, _ = await asyncio.wait({done, *listening}, return_when=asyncio.FIRST_COMPLETED)
        for one in finished - {done}:
            one.result()
            message = "the worker ended what it pushed"
            raise ConnectionError(message)
        print(f"listening {clients}", flush=True)
        heard.answers, heard.ages_ms, began_s = 0, Counter(), time.monotonic()
        await asyncio.to_thread(sys.stdin.readline)
        gone = sum(one.done() for one in listening)
        told = {
            "clients": clients - gone,
            "answers_per_s": round(heard.answers / (time.monotonic() - began_s), 1),
            "age_p50_ms": quantiles(heard.ages_ms)[0] if heard.ages_ms else None,
            "age_p95_ms": quantiles(heard.ages_ms)[1] if heard.ages_ms else None,
        }
        print(json.dumps(told), flush=True)
        for one in listening:
            one.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(listen(sys.argv[1], int(sys.argv[2])))

"""Whether Kafka answers, asked every two seconds over a connection of its own.

The consumer cannot tell: to it a broker that has frozen looks like one without new records, until requests
time out after a minute or more. Two failures in a row say that Kafka is away and two answers that it is back,
so that one slow answer turns nothing red; ten seconds at the most until the truth shows.
"""

import asyncio
import random
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.away import broker_away
from openride_stream.kafka.connection import connection
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings

ASK_INTERVAL_S: Final = 2.0
ANSWER_WITHIN_S: Final = 3.0
IN_A_ROW: Final = 2
# One broker of several that is away is Kafka's to mend: it moves what that one led.
_ASKED_AT_ONCE: Final = 3


class Opinion:
    """From single answers to a steady word. No I/O, no clock."""

    def __init__(self) -> None:
        self._agreeing = 0
        self.trouble: str | None = None

    def hear(self, failure: str | None) -> None:
        """Take one answer: None, or why there was none."""
        if (failure is None) == (self.trouble is None):
            self._agreeing = 0
            if failure is not None:
                self.trouble = failure
            return
        self._agreeing += 1
        if self._agreeing >= IN_A_ROW:
            self._agreeing, self.trouble = 0, failure


class BrokerContact:
    """Asks Kafka for ever; `trouble` is what came of it."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._available = metrics.broker_available
        self._available.set(1)
        self._opinion = Opinion()
        self._client: AIOKafkaClient | None = None

    @property
    def trouble(self) -> str | None:
        """Why Kafka is taken to be away; None while it answers."""
        return self._opinion.trouble

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(ASK_INTERVAL_S)
        finally:
            await self._hang_up()

    async def look(self) -> None:
        """Ask once and form an opinion."""
        try:
            await self.ask()
        except BrokerUnavailable as error:
            await self._hang_up()
            self._opinion.hear(str(error))
        else:
            self._opinion.hear(None)
        self._available.set(self.trouble is None)

    async def ask(self) -> None:
        """Return when a broker answers.

        Raises:
            BrokerUnavailable: none did within `ANSWER_WITHIN_S`.
        """
        servers = self._settings.kafka_bootstrap_servers
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._first_answer(await self._connected())
        except (KafkaError, TimeoutError, OSError) as error:
            raise broker_away(servers, error) from error

    async def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            self._client = AIOKafkaClient(
                **connection(self._settings),
                request_timeout_ms=round(ANSWER_WITHIN_S * 1000),
            )
            await self._client.bootstrap()
        return self._client

    async def _first_answer(self, client: AIOKafkaClient) -> None:
        nodes = [broker.nodeId for broker in client.cluster.brokers()]
        asked = random.sample(nodes, min(len(nodes), _ASKED_AT_ONCE))
        answers = [asyncio.ensure_future(client.send(node, MetadataRequest([]))) for node in asked]
        failure = KafkaError("the cluster names no broker")
        try:
            for answer in asyncio.as_completed(answers):
                try:
                    await answer
                except KafkaError as error:
                    failure = error
                else:
                    return
        finally:
            for one in answers:
                one.cancel()
            await asyncio.gather(*answers, return_exceptions=True)
        raise failure

    async def _hang_up(self) -> None:
        """Forget the connection: its broker may have gone for good."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

"""What every agent does: take batches on, in order, and ack nothing itself."""

import logging
from typing import Any

from openride_stream.app import OpenRideApp, batch_topic

logger = logging.getLogger(__name__)


def declare(app: OpenRideApp, name: str, topic: str) -> None:
    """Declare the agent `name` on one of the contract's topics."""

    async def consume(stream: Any) -> None:
        ingest = app.running().ingest
        # noack: Faust would ack when the loop comes round, long before the batch is durable.
        async for event in stream.noack().events():
            try:
                await ingest.accept(event.value, event.ack)
            except Exception as error:
                # Faust would restart the agent and skip what was unacked: the process has to go instead.
                logger.exception("Agent failed: the worker exits", extra={"agent": name})
                await app.crash(error)
                raise

    app.agent(batch_topic(app, topic), name=name, concurrency=1)(consume)

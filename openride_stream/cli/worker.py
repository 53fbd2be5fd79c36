"""`openride worker`: one worker of the consumer group, on uvloop."""

import asyncio
import logging
import os
import threading

import click
import faust
import uvloop

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.faulty_settings import unknown_settings
from openride_stream.logs import configure
from openride_stream.preflight import preflight
from openride_stream.runtime import worker_name
from openride_stream.settings import Settings

# A stop drains what is in flight, commits, and leaves the group; a broker that is away holds the last two up
# for ever. What is not committed by then is read again, which changes nothing.
STOP_DEADLINE_S = 9.0


class PunctualWorker(faust.Worker):
    """A Faust worker that ends within `STOP_DEADLINE_S` of being told to, whatever is away."""

    async def stop(self) -> None:
        """Stop in order, or else at the deadline with exit code 1."""
        last_resort = threading.Timer(STOP_DEADLINE_S, _end)
        last_resort.daemon = True
        last_resort.start()
        await super().stop()


def _end() -> None:
    logging.getLogger(__name__).error(
        "The stop took longer than %s s: the process ends as it is", STOP_DEADLINE_S
    )
    os._exit(1)


@click.command(name="worker")
def command() -> None:
    """Run one worker of the consumer group until SIGTERM or Ctrl-C.

    Workers that share OPENRIDE_CONSUMER_GROUP share the partitions. All settings come from the environment
    (see .env.example). The process exits with 2 when its surroundings are not fit and with 1 when it
    cannot go on; what it had not made durable is read again by whoever takes over.
    """
    from openride_stream.worker import app

    configure(app.settings, worker_name())
    for sentence in unknown_settings():
        logging.getLogger(__name__).warning(sentence)
    # Before Faust: what is wrong with the surroundings is one line, not a crash of a dozen services.
    asyncio.run(_check(app.settings))
    uvloop.install()
    worker = PunctualWorker(app, loglevel=app.settings.log_level, quiet=True, redirect_stdouts=False)
    worker.execute_from_commandline()


async def _check(settings: Settings) -> None:
    store = ClickHouse.open(settings)
    try:
        await preflight(settings, store)
    finally:
        await store.close()

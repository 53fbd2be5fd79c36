"""`openride worker`: one worker of the consumer group, on uvloop."""

import asyncio

import click
import faust
import uvloop

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.logs import configure
from openride_stream.preflight import preflight
from openride_stream.runtime import worker_name
from openride_stream.settings import Settings


@click.command(name="worker")
def command() -> None:
    """Run one worker of the consumer group until SIGTERM or Ctrl-C.

    Workers that share OPENRIDE_CONSUMER_GROUP share the partitions. All settings come from the environment
    (see .env.example). The process exits with 2 when its surroundings are not fit and with 1 when it
    cannot go on; what it had not made durable is read again by whoever takes over.
    """
    from openride_stream.worker import app

    configure(app.settings, worker_name())
    # Before Faust: what is wrong with the surroundings is one line, not a crash of a dozen services.
    asyncio.run(_check(app.settings))
    uvloop.install()
    worker = faust.Worker(app, loglevel=app.settings.log_level, quiet=True, redirect_stdouts=False)
    worker.execute_from_commandline()


async def _check(settings: Settings) -> None:
    store = ClickHouse.open(settings)
    try:
        await preflight(settings, store)
    finally:
        await store.close()

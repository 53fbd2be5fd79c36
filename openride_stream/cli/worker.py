"""`openride worker`: one worker of the consumer group, on uvloop."""

import sys

import click
import faust
import uvloop

from openride_stream.errors import Fatal


@click.command(name="worker")
def command() -> None:
    """Run one worker of the consumer group until SIGTERM or Ctrl-C.

    Workers that share OPENRIDE_CONSUMER_GROUP share the partitions. All settings come from the environment
    (see .env.example). The process exits with 1 when it cannot go on; what it had not made durable is read
    again by whoever takes over.
    """
    uvloop.install()
    from openride_stream.worker import app

    worker = faust.Worker(app, loglevel=app.settings.log_level, quiet=True, redirect_stdouts=False)
    try:
        worker.execute_from_commandline()
    except Fatal:
        raise
    sys.exit(1 if app.crashed else 0)

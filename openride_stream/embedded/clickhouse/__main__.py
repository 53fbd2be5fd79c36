"""Run the embedded ClickHouse: `python -m openride_stream.embedded.clickhouse --path DIR --port N`."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

import uvloop

from openride_stream.embedded.clickhouse.config import default_memory_limit_bytes
from openride_stream.embedded.clickhouse.lifetime import StartError
from openride_stream.embedded.clickhouse.log import JsonLines, log
from openride_stream.embedded.clickhouse.server import Options, serve


def parse_arguments(arguments: list[str]) -> Options:
    """The command line as options; exits with 2 and a line on stderr when it is wrong."""
    parser = argparse.ArgumentParser(prog="openride_stream.embedded.clickhouse", description=__doc__)
    parser.add_argument(
        "--path", type=Path, required=True, help="Folder of the tables; created when missing."
    )
    parser.add_argument("--port", type=int, required=True, help="Port on 127.0.0.1.")
    parser.add_argument(
        "--memory-limit-bytes",
        type=int,
        default=default_memory_limit_bytes(),
        help="Memory that all statements together may use (default: half of the machine's).",
    )
    parser.add_argument("--parent-pid", type=int, default=0, help="Stop when this process ends.")
    parser.add_argument("--concurrency", type=int, default=16, help="Statements that run at once.")
    parser.add_argument("--queue", type=int, default=256, help="Statements that wait; one more is refused.")
    parser.add_argument(
        "--password-env", default="", help="Environment variable that holds the password of user default."
    )
    found = parser.parse_args(arguments)
    return Options(
        folder=found.path.absolute(),
        port=found.port,
        memory_limit_bytes=found.memory_limit_bytes,
        parent_pid=found.parent_pid,
        concurrency=found.concurrency,
        queue=found.queue,
        password=os.environ.get(found.password_env, "") if found.password_env else "",
    )


def main() -> int:
    """Serve until SIGTERM, SIGINT or the end of the parent; returns the exit code."""
    options = parse_arguments(sys.argv[1:])
    logging.basicConfig(level=logging.WARNING, handlers=[JsonLines()])
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(options))
    except StartError as error:
        log("cannot start", reason=str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main())

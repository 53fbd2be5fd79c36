"""Health, workers and dead letters."""

from typing import Final

from openride_stream.api.choices import SourceTopic
from openride_stream.api.dead_letters import DeadLettersPage
from openride_stream.api.operations import Health, Live, Ready, Workers
from openride_stream.client.call import Moment, get

# Not ready is an answer as well, and comes with this status.
_NOT_READY: Final = frozenset({503})


@get("/health", Health, others=_NOT_READY)
def health() -> None:
    """Whether the worker that answers is well, by check; one that is not is no error."""


@get("/health/live", Live)
def health_live() -> None:
    """That the process runs."""


@get("/health/ready", Ready, others=_NOT_READY)
def health_ready() -> None:
    """Whether the worker reads events and answers, with reasons; one that does not is no error."""


@get("/v1/workers", Workers)
def workers() -> None:
    """Every live worker: its partitions, their lag (records) and rate (records a second). Role: admin."""


@get("/v1/dead-letters", DeadLettersPage)
def dead_letters(
    *,
    topic: SourceTopic | None = None,
    error: str | None = None,
    event_type: str | None = None,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    limit: int = 100,
    offset: int = 0,
) -> None:
    """Records that could not be stored, masked, newest first; `limit` 1 to 1,000. Role: admin."""

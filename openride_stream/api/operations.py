"""What the endpoints of health and workers answer."""

from typing import Literal

from pydantic import Field

from openride_stream.api.fields import Answer, Moment


class Live(Answer):
    """The process runs and its event loop turns."""

    status: Literal["alive"] = Field(description="Always that.")


class Ready(Answer):
    """Whether the worker reads events and answers; `reasons` says why not."""

    status: Literal["ready", "not_ready"] = Field(description="Whether the worker reads events and answers.")
    reasons: list[str] = Field(description="Why it does not; empty when it does.")


class Health(Ready):
    """`Ready`, and who answers."""

    version: str = Field(description="The program's version.")
    worker: str | None = Field(description="Host and pid; null while it starts or stops.")
    checks: dict[str, bool] = Field(description="Whether each check is passed, by its name.")


class HeldPartition(Answer):
    """One partition; `lag` is None until its worker has fetched from it."""

    topic: str = Field(description="Topic.")
    partition: int = Field(description="Number of the partition.")
    since: Moment = Field(description="When the worker took it.")
    lag: int | None = Field(description="Records behind the topic's end; null before the first fetch.")
    records_per_s: float = Field(description="Records read a second, lately.")


class Worker(Answer):
    """A live worker; `trouble` is None while it reads and stores."""

    worker: str = Field(description="Host and pid.")
    web: str = Field(description="Its own URL, as it knows it.")
    version: str = Field(description="The program's version.")
    started_at: Moment = Field(description="When it started.")
    seen_s_ago: float = Field(description="Seconds since it last reported itself.")
    trouble: str | None = Field(description="Why it does not read or store; null while it does.")
    lag: int = Field(description="Sum over its partitions.")
    records_per_s: float = Field(description="Sum over its partitions.")
    partitions: list[HeldPartition] = Field(description="What it holds.")


class UnheldPartition(Answer):
    """A partition that no live worker reads."""

    topic: str = Field(description="Topic.")
    partition: int = Field(description="Number of the partition.")


class Workers(Answer):
    """The consumer group."""

    consumer_group: str = Field(description="Its name.")
    workers: list[Worker] = Field(description="Every live worker, the oldest first.")
    unheld: list[UnheldPartition] = Field(description="Partitions that no live worker reads.")

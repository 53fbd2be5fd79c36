"""What views need of a running worker, and nothing more: a test can stand in for all of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from openride_stream.cache import Cache
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.hour_looks import Hours
from openride_stream.clickhouse.reader import Reader
from openride_stream.clock import Clock, SystemClock
from openride_stream.events.topics import Tier
from openride_stream.exports.service import Exports
from openride_stream.metadata.workers import LiveWorker
from openride_stream.metrics import Metrics
from openride_stream.reports.service import ReportDesk
from openride_stream.schedules.intake import Taken
from openride_stream.settings import Settings
from tables.realtime import Figures
from tables.state import LiveState
from tables.watch import Judgement
from web.notes import Notes
from web.problems import unavailable

if TYPE_CHECKING:
    from web.tokens import Caller


class Intake(Protocol):
    """The way in for schedule executions: `openride_stream.schedules.intake.ScheduleIntake` is one."""

    async def execution(self, body: bytes, tier: Tier | None) -> Taken:
        """Return when the brokers have the execution; raises `Rejection`, `BrokerUnavailable`."""
        ...

    async def update(self, analytics_id: str, body: bytes) -> Taken:
        """Return when the brokers have the update; raises `UnknownExecution` as well."""
        ...


class SinkState(Protocol):
    """How ingest into ClickHouse is doing."""

    @property
    def available(self) -> bool:
        """Whether the last insert was answered; while False, ingest is paused."""
        ...

    @property
    def last_error(self) -> str:
        """Why the last failed insert failed; it stays after recovery."""
        ...

    @property
    def writing_s(self) -> float:
        """How long the insert has been under way that began first, in seconds; 0 when none is."""
        ...


class BrokerState(Protocol):
    """Whether Kafka answers."""

    @property
    def trouble(self) -> str | None:
        """Why it is taken to be away; None while it answers."""
        ...


class LiveWorkers(Protocol):
    """The workers of the consumer group."""

    async def alive(self) -> Sequence[LiveWorker]:
        """Every worker that says that it lives; raises `MetadataUnavailable`."""
        ...


class WebRuntime(Protocol):
    """The open connections that views use: `openride_stream.runtime.Runtime` is one."""

    @property
    def worker(self) -> str:
        """This worker's name."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def store(self) -> ClickHouse:
        """ClickHouse."""
        ...

    @property
    def hours(self) -> Hours:
        """Plans answers about schedules."""
        ...

    @property
    def reader(self) -> Reader:
        """What questions are asked of."""
        ...

    @property
    def cache(self) -> Cache:
        """Answers computed before."""
        ...

    @property
    def workers(self) -> LiveWorkers:
        """Who reads which partitions."""
        ...

    @property
    def exports(self) -> Exports:
        """Rows as files."""
        ...

    @property
    def reports(self) -> ReportDesk:
        """Figures that come regularly."""
        ...

    @property
    def contact(self) -> BrokerState:
        """The way to Kafka."""
        ...

    @property
    def sink(self) -> SinkState:
        """The way into ClickHouse."""
        ...

    @property
    def schedules(self) -> Intake:
        """The way in for schedule executions."""
        ...

    @property
    def paused(self) -> Sequence[str]:
        """Why each paused partition is paused; empty when none is."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where this worker stands: `lag_records` by (topic, partition), `live_table_keys` by live table."""

    lag_records: Mapping[tuple[str, int], int] = field(default_factory=dict)
    last_commit_age_s: float | None = None
    live_table_keys: Mapping[str, int] = field(default_factory=dict)


class GroupMember(Protocol):
    """This worker's place in the consumer group."""

    def trouble(self) -> str | None:
        """Why the worker has no settled partitions now; None when it has."""
        ...

    def unready(self) -> str | None:
        """Why it should be sent no requests: `trouble` that is more than a short rebalance."""
        ...

    def progress(self) -> Progress:
        """Lag and commit age of the partitions that it owns."""
        ...


class LiveView(Protocol):
    """The live tables."""

    @property
    def as_of_ms(self) -> int | None:
        """Up to when they hold everything (ms since the epoch); None while they are first read."""
        ...

    @property
    def unwritten(self) -> str | None:
        """Why what this worker sees is not written, which holds up its acks; None when it is."""
        ...

    @property
    def judgement(self) -> Judgement:
        """What of the last hour is unusual."""
        ...

    @property
    def state(self) -> LiveState:
        """What is known now: places and minutes are computed from it."""
        ...

    def figures(self, now_ms: int, currency: str) -> Figures:
        """The realtime figures at `now_ms` (since the epoch), revenue in `currency`."""
        ...

    @property
    def known_since_ms(self) -> int | None:
        """When the oldest row was written that was read (ms since the epoch); None: none was."""
        ...

    def trouble(self, now_ms: int) -> str | None:
        """Why they may be incomplete; None when they are whole."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Passed to every view. `current` gives the runtime between start and stop, else None.

    `clock` is there before and after as well. `closed_ttl_s` is how long an answer about the past may be
    kept. `notes` are those of every question. `caller` is who asks, where the endpoint has a role.
    """

    settings: Settings
    metrics: Metrics
    group: GroupMember
    live: LiveView
    current: Callable[[], WebRuntime | None]
    clock: Clock = field(default_factory=SystemClock)
    closed_ttl_s: float = 0.0
    notes: Notes = field(default_factory=Notes)
    caller: "Caller | None" = None

    @property
    def asking(self) -> "Caller":
        """Who asks; only of endpoints that have a role."""
        assert self.caller is not None, "the endpoint has a role"
        return self.caller

    @property
    def runtime(self) -> WebRuntime:
        """The running worker.

        Raises:
            Problem: 503, while the worker is starting or stopping.
        """
        runtime = self.current()
        if runtime is None:
            detail = "the worker is starting or stopping"
            raise unavailable(detail)
        return runtime

"""The three-tier scheduler by itself: regular schedules with delays, retries, failures and a stuck node.

The same seed and end give the same executions. Over the time that is simulated:

- `SCHEDULES` schedules at most fall due at regular times, in turn; each time is found by `mongo_periodic`,
  held by `clickhouse_delayed` and fired by `redis_immediate`, with a correlation_id of its own.
- From 30 % to 36 % the delay queue is jammed: executions wait thirty times as long in it.
- From 60 % to 62 % the push gateway is down: four of five tries of `redis_immediate` fail; else it is one in
  sixteen.
- A failed try is tried again after five seconds, three times in all; the last one says failure or timeout.
- One execution in fifty is told again by an update some seconds later: how long publishing it took.
- The node `STUCK_NODE` finds nothing more at the end: its schedules miss their last `MISSED` times.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from openride_stream.replay.ids import Ids
from openride_stream.replay.routing import TOPIC_BY_TIER
from openride_stream.replay.story import DAY_MS, Chapter, Outgoing, Story, Tariff, in_time_order, rfc3339

SCHEDULES: Final = 48
NODES: Final = ("scheduler-1", "scheduler-2", "scheduler-3")
STUCK_NODE: Final = NODES[2]
MISSED: Final = 4
TIMES_EACH: Final = 12
"""Each schedule is due so often at least, where N allows it."""
TRIES: Final = 3
_RETRY_MS: Final = 5_000
_JAM: Final = (0.30, 0.36, 30)
_OUTAGE: Final = (0.60, 0.62)
_USUAL_FAILURES, _OUTAGE_FAILURES = 1 / 16, 4 / 5
_ACTIONS: Final = (
    ("booking", "reminder"),
    ("booking", "expire"),
    ("payment", "payout"),
    ("location", "expire"),
    ("report", "send"),
)
_USUAL_TEXTS: Final = (
    "device token {n} is not registered",
    "user {id} has no phone number",
    'template "{n} minutes left" is not known',
)
_OUTAGE_TEXT: Final = "connection to 10.0.{n}.7:443 timed out after {ms} ms"


@dataclass(frozen=True, slots=True)
class Simulation:
    """`times` that a schedule is due over `days`, up to `end_ms` (since the epoch)."""

    times: int
    days: int
    end_ms: int
    seed: int

    @property
    def schedules(self) -> int:
        """How many schedules take turns."""
        return max(1, min(SCHEDULES, self.times // TIMES_EACH))

    @property
    def start_ms(self) -> int:
        """When the first one is due."""
        return self.end_ms - self.days * DAY_MS

    @property
    def scope(self) -> str:
        """What its ids are made from."""
        return f"schedules/{self.seed}/{self.times}/{self.days}/{self.end_ms}"

    def due(self) -> Iterator[tuple[int, int]]:
        """Schedule and time (ms since the epoch) of everything that falls due, by time."""
        span_ms = self.end_ms - self.start_ms
        for number in range(self.times):
            yield number % self.schedules, self.start_ms + span_ms * number // self.times

    def events(self) -> Iterator[Outgoing]:
        """Executions and updates by when they happened."""
        ids = Ids(self.scope)
        missed = self.times - MISSED * self.schedules
        chapters = (
            Chapter(due_ms, partial(self._tell, ids, schedule, due_ms))
            for number, (schedule, due_ms) in enumerate(self.due())
            if number < missed or node_of(schedule) != STUCK_NODE
        )
        return in_time_order(chapters)

    def _tell(self, ids: Ids, schedule: int, due_ms: int) -> list[Outgoing]:
        story = Story(ids, f"{schedule}/{due_ms}", Tariff("NGN", "NGN"))
        part = (due_ms - self.start_ms) / (self.end_ms - self.start_ms)
        _Firing(story, schedule, due_ms, part).tell()
        # What has not happened yet is not told.
        return [event for event in story.told() if event.at_ms < self.end_ms]


def node_of(schedule: int) -> str:
    """The node that finds a schedule."""
    return NODES[schedule % len(NODES)]


def schedule_id(schedule: int) -> str:
    """What a schedule is known by, in every tier."""
    _, action = _ACTIONS[schedule % len(_ACTIONS)]
    return f"{action}-{schedule + 1:02d}"


class _Firing:
    """One time that a schedule is due, on its way over the tiers; `part` of the simulated time is over."""

    def __init__(self, story: Story, schedule: int, due_ms: int, part: float) -> None:
        self._story, self._dice, self._part = story, story.dice, part
        self._schedule = schedule
        event_type, event_action = _ACTIONS[schedule % len(_ACTIONS)]
        self._due_ms = due_ms
        self._shared = {
            "schedule_id": schedule_id(schedule),
            "schedule_name": f"{event_type} {event_action} {schedule + 1}",
            "event_type": event_type,
            "event_action": event_action,
            "correlation_id": story.ids.of(f"correlation/{story.name}"),
            "scheduled_at": rfc3339(due_ms),
        }

    def tell(self) -> None:
        """Add the executions, and an update now and then, to the story."""
        found_ms = self._due_ms + self._wait(1_500)
        queued = {"time_in_mongo_queue_ms": found_ms - self._due_ms}
        mongo_id, _ = self._add("mongo_periodic", found_ms, queued, node_of(self._schedule))
        first, last, factor = _JAM
        waited_ms = self._wait(5_000) * (factor if first <= self._part < last else 1)
        held = {"time_in_clickhouse_queue_ms": waited_ms, "source_mongo_execution_id": mongo_id}
        delayed_id, ended_ms = self._add("clickhouse_delayed", found_ms + waited_ms, held, self._any_node())
        self._fire(ended_ms, delayed_id)

    def _fire(self, ready_ms: int, delayed_id: str) -> None:
        down = _OUTAGE[0] <= self._part < _OUTAGE[1]
        for tries in range(TRIES):
            waited_ms = self._wait(90)
            fields: dict[str, Any] = {
                "time_in_redis_queue_ms": waited_ms,
                "retry_count": tries,
                "source_clickhouse_id": delayed_id,
                "source_redis_key": f"{self._shared['schedule_id']}:{self._due_ms}",
            }
            failed = self._dice.random() < (_OUTAGE_FAILURES if down else _USUAL_FAILURES)
            if failed:
                last = "timeout" if down else "failure"
                fields["execution_result"] = last if tries == TRIES - 1 else "retry"
                fields["error_message"] = self._text(down)
            _, ended_ms = self._add("redis_immediate", ready_ms + waited_ms, fields, self._any_node())
            if not failed:
                return
            ready_ms = ended_ms + _RETRY_MS

    def _add(self, tier: str, at_ms: int, fields: dict[str, Any], node: str) -> tuple[str, int]:
        """One execution; its analytics_id and when it ended."""
        analytics_id = self._story.next_id()
        took_ms = self._dice.randrange(2, 150)
        body = {
            **self._shared,
            "schedule_type": tier,
            "analytics_id": analytics_id,
            "started_processing_at": rfc3339(at_ms),
            "completed_at": rfc3339(at_ms + took_ms),
            "processed_by_node": node,
            **fields,
        }
        self._tell(at_ms + took_ms, tier, body)
        if self._dice.random() < 0.02:
            changed = {
                "kafka_publish_time_ms": self._dice.randrange(1, 40),
                "event_id": self._story.next_id(),
            }
            update = {"update": True, "analytics_id": analytics_id, "schedule_type": tier, **changed}
            self._tell(at_ms + took_ms + self._dice.randrange(1_000, 9_000), tier, update)
        return analytics_id, at_ms + took_ms

    def _tell(self, at_ms: int, tier: str, body: dict[str, Any]) -> None:
        key: str = self._shared["schedule_id"]
        self._story.events.append(Outgoing(at_ms, TOPIC_BY_TIER[tier], key, body))

    def _any_node(self) -> str:
        return NODES[self._dice.randrange(len(NODES))]

    def _wait(self, usual_ms: int) -> int:
        """Most wait about `usual_ms`, a few several times as long; ten times at most."""
        return min(int(self._dice.expovariate(1 / usual_ms)), 10 * usual_ms)

    def _text(self, down: bool) -> str:
        dice: random.Random = self._dice
        if down:
            return _OUTAGE_TEXT.format(n=dice.randrange(256), ms=dice.randrange(3_000, 9_000))
        user = self._story.ids.of(f"user/{dice.randrange(500)}")
        return dice.choice(_USUAL_TEXTS).format(n=dice.randrange(10, 90), id=user)

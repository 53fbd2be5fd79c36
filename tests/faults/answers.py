"""What is asked after a schedule beside the four metrics: rankings, analytics, and the live figures."""

import json
import time
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from openride_stream.clock import SystemClock, rfc3339
from tests.faults.expected import Expected
from tests.faults.stage import KeptWorker, Stage
from tests.reference import endpoints
from tests.reference.moments import DAY_MS, event_ms
from tests.reference.realtime import realtime
from tests.tables.test_realtime import as_given, flat

AGREED_WITHIN_S = 30.0
LIVE_HOURS = 6
# How many came in a second is counted by who read them when: a changelog that was lost takes it along.
UNCERTAIN: Final = frozenset({"events_per_second"})
SHOWN_LETTERS = 300
AT_ONCE = 4

BROOKLYN, MANHATTAN = {"city": "Brooklyn"}, {"city": "Manhattan"}
OVER_A_MONTH: tuple[tuple[str, dict[str, str]], ...] = (
    ("/v1/metrics/drivers", {"limit": "20"}),
    ("/v1/metrics/drivers", {"sort": "trips", **BROOKLYN}),
    ("/v1/metrics/routes", {}),
    ("/v1/metrics/routes", {"limit": "5", **MANHATTAN}),
    ("/v1/analytics/geographic", {"metric": "bookings"}),
    ("/v1/analytics/geographic", {"metric": "revenue"}),
    ("/v1/analytics/geographic", {"metric": "users"}),
    ("/v1/analytics/trends", {"metric": "active_users"}),
    ("/v1/analytics/trends", {"metric": "revenue", "granularity": "weekly", **BROOKLYN}),
    ("/v1/analytics/trends", {"metric": "payment_success_rate"}),
    ("/v1/analytics/funnel", {}),
    ("/v1/analytics/funnel", {"window_days": "3", **MANHATTAN}),
    *(("/v1/analytics/retention", {"user_type": kind}) for kind in ("all", "rider", "driver")),
)
COHORTS = ({"cohort_type": "weekly", "periods": "8"}, {"cohort_type": "daily", "periods": "3"})


def rankings_and_analytics(stage: Stage, expected: Expected) -> Iterator[str]:
    """Differences of the endpoints that rank, and that follow people over time."""
    now_ms = SystemClock().now_ms()
    end_ms = now_ms // DAY_MS * DAY_MS + DAY_MS
    month = {"start_date": rfc3339(end_ms - 45 * DAY_MS), "end_date": rfc3339(end_ms)}
    asked = [(path, month | more) for path, more in OVER_A_MONTH]
    asked += [
        ("/v1/analytics/cohort", more | {"start_date": rfc3339(end_ms - 45 * DAY_MS)}) for more in COHORTS
    ]
    with ThreadPoolExecutor(AT_ONCE) as asking:
        answers = [*asking.map(lambda question: stage.get(question[0], **question[1]), asked)]
    for (path, parameters), given in zip(asked, answers, strict=True):
        right = endpoints.answer(expected.reference, path, parameters, now_ms)
        for name in sorted(right.keys() | given.keys()):
            found, true = given.get(name), right.get(name)
            if found != true:
                yield f"{path} {parameters}: {name} is {_short(found)}, not {_short(true)}"


def live_figures(stage: Stage, expected: Expected) -> Iterator[str]:
    """Differences of what each worker says of the last hour, once all had the time to agree."""
    deadline_s = time.monotonic() + AGREED_WITHIN_S
    for worker in stage.workers:
        while (wrong := _wrong(worker, expected.of_late)) and time.monotonic() < deadline_s:
            time.sleep(0.2)
        yield from (f"realtime of {worker.name}: {difference}" for difference in wrong)


def _wrong(worker: KeptWorker, events: Iterable[dict[str, Any]]) -> list[str]:
    try:
        with urllib.request.urlopen(f"{worker.url}/v1/metrics/realtime", timeout=10) as reply:
            answer = json.loads(reply.read())
    except OSError as error:
        return [f"no answer: {error}"]
    given = flat(answer)
    right = as_given(realtime(events, event_ms(answer["timestamp"]), "NGN", LIVE_HOURS))
    return [
        f"{name} is {given.get(name)}, not {value}; {answer['reasons']}"
        for name, value in right.items()
        if name not in UNCERTAIN and given.get(name) != value
    ]


def _short(answer: Any) -> str:
    text = str(answer)
    return text if len(text) <= SHOWN_LETTERS else f"{text[:SHOWN_LETTERS]}…"

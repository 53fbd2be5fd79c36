"""Hypothesis strategies: what the tiers of a scheduler send, and what it is asked."""

import json
from typing import Any

from hypothesis import strategies as st

from openride_stream.events.example import EXECUTION_NAME, example
from tests.exactness.questions import Asked
from tests.exactness.records import Sent, written
from tests.exactness.stories import DAY_MS, HOUR_MS, uid
from tests.reference.realtime import TIERS

MINUTE_MS = 60_000
TOPICS = ("openride.schedules.mongo", "openride.schedules.clickhouse", "openride.schedules.redis")
SCHEDULES = ("payouts", "reminder 7", "O'Hara\\ {x}\t\u00d6")
TYPES = ("booking", "payment")
RESULTS = ("success", "failure", "timeout", "cancelled", "retry")
LEVELS = ("info", "warning", "error")
MESSAGES = (
    "",
    "no answer within 5000 ms",
    "no answer within 12.5 ms",
    'user "Ada Obi" <ada.obi@example.org> has no device',
    "user 9b2f1f2e-1111-4222-8333-444455556666 is gone: 10.20.30.40:8080, fe80::1:2:3:4",
    "https://push.example.org/v1/send?id=7 answered 503 after 3 tries",
    "\u00d6ffnung 7 \u0663 a\nb'c\\d",
    "x" * 499 + "12345",
)
# How long before the edge something started: within an hour, a day, a week, two; in the hour after.
_before = st.sampled_from((0, 1, 1, 20, 59, 61, 90, 300, 1439, 1441, 3000, 8000, 11_000, 19_000, -1, -59))
_beside = st.sampled_from((0, 0, 1, -1, 500, 30_000, 59_999))
_waits = st.sampled_from((0, 1, 2, 33, 999, 29_999, 30_001, 299_999, 300_001, 9_007_199_254_740_991 // 2**20))
# When an update was written, against its execution; days before it, it is of none.
_after = st.sampled_from((-1, 0, 0, 1, 2, 950, -3 * DAY_MS, -DAY_MS - 48 * HOUR_MS, -4 * DAY_MS))
_texts = st.sampled_from((None, "", "a", "scheduler-2", "\u00d6"))
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "execution_result": st.sampled_from((*RESULTS, "success", "failure", None)),
    "level": st.sampled_from((*LEVELS, None, None)),
    "retry_count": st.sampled_from((0, 1, 7, None)),
    "error_message": st.sampled_from((*MESSAGES, None)),
    "schedule_name": _texts,
    "processed_by_node": _texts,
    "event_entity_id": _texts,
    "source_redis_key": _texts,
    "kafka_topic": _texts,
    "kafka_partition": st.sampled_from((None, 0, 3)),
    "kafka_offset": st.sampled_from((None, 0, 2**40)),
    "total_processing_time_ms": st.sampled_from((None, None, 0, 7, 150, 3_600_001)),
    **dict.fromkeys(TIERS.values(), st.one_of(st.none(), _waits, _waits)),
}


def spelled(ms: int) -> str:
    return written(ms, 0, "Z", "")


@st.composite
def _changes(draw: st.DrawFn, started_ms: int, least: int) -> dict[str, Any]:
    names = draw(
        st.lists(st.sampled_from([*CHANGES, "completed_at"]), min_size=least, max_size=9, unique=True)
    )
    body = {name: draw(CHANGES[name]) for name in names if name != "completed_at"}
    if "completed_at" in names:
        body["completed_at"] = spelled(started_ms + draw(st.sampled_from((0, 5, 700, 61_000, -3))))
    return body


@st.composite
def _execution(draw: st.DrawFn, number: int, edge_ms: int) -> dict[str, Any]:
    started_ms = edge_ms - draw(_before) * MINUTE_MS + draw(_beside)
    due_ms = started_ms - draw(st.sampled_from((0, 120, 3_000, 61_000, -40)))
    return {
        "analytics_id": draw(st.sampled_from((uid(7, number), uid(7, number).upper()))),
        "schedule_id": draw(st.sampled_from(SCHEDULES)),
        "event_type": draw(st.sampled_from(TYPES)),
        "event_action": "send",
        "correlation_id": f"chain {draw(st.integers(0, 4))}",
        "scheduled_at": spelled(due_ms),
        "started_processing_at": spelled(started_ms),
        **draw(_changes(started_ms, 0)),
    }


@st.composite
def _regular(draw: st.DrawFn, first: int, edge_ms: int) -> list[dict[str, Any]]:
    """One schedule that is due again and again, and then perhaps no more; its way over the tiers."""
    gap_ms = draw(st.sampled_from((MINUTE_MS, MINUTE_MS, 20_000, HOUR_MS)))
    silent_ms = draw(st.sampled_from((0, MINUTE_MS, 3 * gap_ms, 3 * gap_ms + 1, 5 * HOUR_MS)))
    bodies = []
    for number in range(draw(st.sampled_from((3, 4, 5, 7)))):
        due_ms = edge_ms - silent_ms - number * gap_ms
        bodies.append(
            {
                "analytics_id": uid(8, first + number),
                "schedule_id": "regular",
                "event_type": "payment",
                "event_action": "payout",
                "correlation_id": f"regular {draw(st.integers(0, 1))}",
                "scheduled_at": spelled(due_ms),
                "started_processing_at": spelled(due_ms + draw(st.sampled_from((0, 35, 2_000)))),
                **draw(_changes(due_ms, 0)),
            }
        )
    return bodies


@st.composite
def schedule_logs(draw: st.DrawFn, edge_ms: int) -> tuple[Sent, ...]:
    """Executions, updates before and after them, the same again, and other contents of one identity."""
    bodies = [draw(_execution(number, edge_ms)) for number in range(draw(st.integers(1, 14)))]
    bodies += draw(_regular(100, edge_ms))
    log: list[Sent] = []

    def say(body: dict[str, Any], topic: str, at_ms: int) -> None:
        log.append(Sent(topic, len(log), json.dumps(body, ensure_ascii=len(log) % 2 == 0).encode(), at_ms))

    written_ms = edge_ms + DAY_MS
    for body in bodies:
        say(body, draw(st.sampled_from(TOPICS)), written_ms + draw(st.sampled_from((0, 0, 1, 2, 900))))
    for number in range(draw(st.integers(0, 12))):
        of = draw(st.sampled_from(bodies))
        change = {"update": True, "analytics_id": of["analytics_id"], "event_id": uid(6, number)}
        change |= draw(_changes(edge_ms, 1))
        if all(value is None for value in list(change.values())[3:]):
            change["retry_count"] = 3
        say(change, draw(st.sampled_from(TOPICS)), written_ms + draw(_after))
    for place in draw(st.lists(st.integers(0, len(log) - 1), max_size=6)):
        again, kind = log[place], draw(st.sampled_from(("same", "later", "content", "month", "update")))
        body, topic, at_ms = json.loads(again.value), again.topic, again.timestamp
        if kind == "same":
            log.append(again)
        elif kind == "later":
            log.append(Sent(topic, len(log), again.value, at_ms + draw(st.sampled_from((-5, 1, 5_000)))))
        elif kind == "content" or body.get("update"):
            say(body | {"processed_by_node": f"node {place}"}, draw(st.sampled_from(TOPICS)), at_ms)
        elif kind == "month":
            moved_ms = edge_ms - draw(st.sampled_from((31, 62, 3))) * DAY_MS
            say(body | {"started_processing_at": spelled(moved_ms)}, topic, at_ms)
        else:
            say(body | {"schedule_id": draw(st.sampled_from(SCHEDULES))}, topic, at_ms)
    return tuple(log)


def usual(**given: Any) -> dict[str, Any]:
    """An execution as its example has it, without times that it took, and with what is given."""
    kept = {name: value for name, value in example(EXECUTION_NAME).items() if not name.startswith("time_in")}
    return kept | given


def _times(edge_ms: int, longest_ms: int) -> st.SearchStrategy[dict[str, str]]:
    ends = (edge_ms, edge_ms + MINUTE_MS, edge_ms - HOUR_MS, edge_ms - 3 * DAY_MS)
    spans = (1, HOUR_MS, 7 * DAY_MS, DAY_MS, longest_ms)
    pairs = st.tuples(st.sampled_from(ends), st.sampled_from(spans))
    return pairs.map(lambda p: {"start_time": spelled(p[0] - p[1]), "end_time": spelled(p[0])}) | st.just({})


@st.composite
def schedule_questions(draw: st.DrawFn, edge_ms: int) -> tuple[Asked, ...]:
    """One request of each endpoint, its path without the common beginning."""
    schedules = st.sampled_from((*SCHEDULES, "regular", "nobody's"))
    limits = st.sampled_from(({}, {"limit": "1"}, {"limit": "3"}))
    level = st.sampled_from(({}, *({"level": level} for level in LEVELS)))
    tier = st.sampled_from(({}, *({"schedule_type": tier} for tier in TIERS)))
    back = st.sampled_from(({}, *({"hours_back": hours} for hours in ("1", "2", "24", "168"))))
    short = st.sampled_from(({}, *({"hours_back": hours} for hours in ("1", "5", "24"))))
    one = st.sampled_from(({}, {"schedule_id": "regular"}, {"schedule_id": SCHEDULES[2]}))
    return (
        Asked(f"schedule/{draw(schedules)}", draw(limits) | draw(level)),
        Asked(
            "time-range",
            draw(_times(edge_ms, 7 * DAY_MS)) | draw(limits) | draw(level) | draw(tier) | draw(one),
        ),
        Asked(f"level/{draw(st.sampled_from(LEVELS))}", draw(limits) | draw(tier)),
        Asked(f"event-type/{draw(st.sampled_from(TYPES))}", draw(limits) | draw(level)),
        Asked("queue-times", draw(_times(edge_ms, 7 * DAY_MS))),
        Asked("stats", draw(back) | draw(one)),
        Asked("errors/patterns", draw(back)),
        Asked(f"performance/schedule/{draw(schedules)}", draw(back)),
        Asked("health/system", draw(short)),
    )

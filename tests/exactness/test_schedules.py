"""Every answer about schedules equals the reference's, whatever was sent, updated, repeated, in any order."""

import json
from collections import Counter
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.schedule_rounds import ScheduleHours
from openride_stream.exports.query import prepare
from tests.exactness.executions import TOPICS, schedule_logs, schedule_questions, spelled, usual
from tests.exactness.histories import histories
from tests.exactness.profiles import DEEP, drawn
from tests.exactness.questions import Asked
from tests.exactness.records import Sent, json_lines
from tests.exactness.stage import Stage, stage
from tests.exactness.stories import DAY_MS, HOUR_MS, MONTH_EDGES_MS, uid
from tests.fixtures.clock import ManualClock
from tests.reference.schedules import Schedules

__all__ = ["stage"]

EXAMPLES = 6
BASE = "/v1/schedule-analytics/"
EDGES_MS = (*MONTH_EDGES_MS, MONTH_EDGES_MS[2] + 17 * HOUR_MS + 7)
NOW_MS = MONTH_EDGES_MS[2]
EXPORTED = ("analytics_id", "execution_result", "level", "retry_count", "total_processing_time_ms")


@pytest.mark.timeout(0 if DEEP else 240)
def test_every_answer_is_the_references(stage: Stage) -> None:
    told: Counter[str] = Counter()

    @drawn(EXAMPLES)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        edge_ms = data.draw(st.sampled_from(EDGES_MS))
        log = data.draw(schedule_logs(edge_ms))
        asked = data.draw(schedule_questions(edge_ms))
        now_ms = edge_ms + data.draw(st.sampled_from((0, 1, 59_000, 5 * 60_000)))
        note(f"{json_lines(log)}\n{[sent.timestamp - edge_ms for sent in log]}\n{asked}\nat {now_ms}")
        stage.run(stage.empty())
        # Some hours are over for its rounds, of those that go on updates are taken over as they come.
        rounds_ms = edge_ms + data.draw(st.sampled_from((0, DAY_MS, DAY_MS + 2 * HOUR_MS, 40 * DAY_MS)))
        stage.rounds.schedules = ScheduleHours(stage.site.runtime.store, ManualClock(rounds_ms))
        reference, known = Schedules(), set[int]()
        for step in data.draw(histories(len(log))):
            for place in sorted({*step.places} - known):
                reference.add(log[place].topic, log[place].value, log[place].timestamp)
            known |= {*step.places}
            stage.run(stage.deliver(log[place] for place in step.places))
            if not step.looked:
                continue
            paths = [Asked(BASE + quote(one.path), one.parameters) for one in asked]
            for one, answer in zip(asked, stage.run(stage.ask(paths, now_ms)), strict=True):
                expected = reference.answer(*one, now_ms)
                assert answer == expected, one
                nothing = Schedules().answer(*one, now_ms)
                told[one.path.partition("/")[0]] += expected != nothing
            assert stage.run(_exported(stage.site.runtime.store)) == _expected(reference)

    check()
    assert len([name for name, times in told.items() if times]) == 9, told


def test_rare_schedules_are_stuck_until_they_are_forgotten(stage: Stage) -> None:
    silent_h = {"hourly": 30, "daily": 4 * 24, "on time": 20, "forgotten": 15 * 24, "seldom": 6 * 24}
    every_h = {"hourly": 1, "daily": 24, "on time": 24, "forgotten": 1, "seldom": 72}
    log = []
    for name, silent in silent_h.items():
        for times in range(5 if name != "seldom" else 3):
            due = spelled(NOW_MS - (silent + times * every_h[name]) * HOUR_MS)
            body = {"schedule_id": name, "scheduled_at": due, "completed_at": due}
            log.append(Sent(TOPICS[0], len(log), json.dumps(_body(len(log), due) | body).encode()))
    stage.run(stage.empty())
    stage.run(stage.deliver(log))
    asked = Asked(f"{BASE}health/system", {})
    (health,) = stage.run(stage.ask([asked], NOW_MS))
    assert {each["schedule_id"] for each in health["stuck_schedules"]} == {"hourly", "daily"}
    reference = Schedules()
    for sent in log:
        reference.add(sent.topic, sent.value, sent.timestamp)
    assert health == reference.answer("health/system", {}, NOW_MS)


def test_pages_hold_each_execution_once(stage: Stage) -> None:
    # Two of each moment, so that a page ends between them; the last ones are months away.
    moments = [spelled(NOW_MS - ago_ms) for ago_ms in (0, 1, HOUR_MS, 20 * DAY_MS, 80 * DAY_MS)] * 2
    log = [
        Sent(TOPICS[number % 3], number, json.dumps(_body(number, started)).encode())
        for number, started in enumerate(moments)
    ]
    stage.run(stage.empty())
    stage.run(stage.deliver(log))
    path, seen, cursor = f"{BASE}level/info", [], None
    while True:
        parameters = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        (page,) = stage.run(stage.ask([Asked(path, parameters)], NOW_MS))
        seen += [each["analytics_id"] for each in page["executions"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(page["executions"]) == 3
    reference = Schedules()
    for sent in log:
        reference.add(sent.topic, sent.value, sent.timestamp)
    (whole,) = stage.run(stage.ask([Asked(path, {"limit": "1000"})], NOW_MS))
    assert seen == [each["analytics_id"] for each in whole["executions"]]
    assert whole == reference.answer("level/info", {"limit": "1000"}, NOW_MS)
    assert len(seen) == len({*seen}) == 10


async def _exported(store: ClickHouse) -> list[dict[str, Any]]:
    """What an export of all executions has of those fields that updates change, and the number of rows."""
    query = f"SELECT {', '.join(EXPORTED)} FROM schedule_analytics ORDER BY toString(analytics_id)"
    return await store.select(prepare(query, {}, store.database, 1_000_000).sql)


def _expected(reference: Schedules) -> list[dict[str, Any]]:
    found = sorted(reference.executions(), key=lambda each: each["analytics_id"])
    return [{name: each[name] for name in EXPORTED} for each in found]


def _body(number: int, started: str) -> dict[str, object]:
    body = usual(analytics_id=uid(7, number), started_processing_at=started)
    del body["schedule_type"]
    return body

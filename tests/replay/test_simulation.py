"""The simulated scheduler: what was put into it is what the API finds."""

from collections import Counter

import pytest

from openride_stream.replay.dressing import Roughness, dressed
from openride_stream.replay.simulation import MISSED, STUCK_NODE, Simulation, node_of, schedule_id
from tests.events.batches import POLICY
from tests.exactness.questions import Asked
from tests.exactness.records import Sent
from tests.exactness.stage import Stage, stage
from tests.exactness.stories import DAY_MS, HOUR_MS, ms_of
from tests.reference.schedules import Schedules

__all__ = ["stage"]

END_MS = ms_of("2026-01-10T12:00")
DAY = Simulation(600, 1, END_MS, 1)
BASE = "/v1/schedule-analytics/"
ASKED = (
    ("health/system", {"hours_back": "24"}),
    ("stats", {"hours_back": "168"}),
    ("errors/patterns", {"hours_back": "24"}),
    (f"performance/schedule/{schedule_id(3)}", {"hours_back": "24"}),
    ("queue-times", {}),
    ("level/error", {"limit": "1000"}),
)


def log(simulation: Simulation, **rough: float) -> list[Sent]:
    """Records as they are sent, each stamped with the moment at which it is due."""
    days = dict(POLICY.retention_days)
    made = dressed(simulation.events(), simulation.scope, Roughness(1, **rough), days)
    return [Sent(one.topic, place, one.value or b"", one.at_ms) for place, one in enumerate(made)]


@pytest.fixture(scope="module")
def told(stage: Stage) -> Stage:
    stage.run(stage.empty())
    stage.run(stage.deliver(log(DAY, duplicates=0.1)))
    return stage


def test_the_same_seed_gives_the_same_executions_and_another_one_others() -> None:
    small = Simulation(40, 1, END_MS, 1)
    assert log(small) == log(small)
    other = {sent.value for sent in log(Simulation(40, 1, END_MS, 2))}
    assert not other & {sent.value for sent in log(small)}


def test_every_answer_about_it_is_the_references(told: Stage) -> None:
    reference = Schedules()
    for sent in log(DAY):
        reference.add(sent.topic, sent.value, sent.timestamp)
    asked = [Asked(BASE + path, given) for path, given in ASKED]
    for (path, given), answer in zip(ASKED, told.run(told.ask(asked, END_MS - 1)), strict=True):
        assert answer == reference.answer(path, given, END_MS - 1), path


def test_the_pages_show_what_goes_wrong_in_it(told: Stage) -> None:
    asked = [Asked(BASE + path, given) for path, given in ASKED[:3]]
    health, stats, errors = told.run(told.ask(asked, END_MS - 1))
    stuck = {schedule_id(number) for number in range(DAY.schedules) if node_of(number) == STUCK_NODE}
    assert {each["schedule_id"] for each in health["stuck_schedules"]} == stuck
    gap_ms = DAY_MS * DAY.schedules // DAY.times
    for each in health["stuck_schedules"]:
        assert each["expected_every_ms"] == pytest.approx(gap_ms, rel=0.01)
        assert MISSED * gap_ms < each["silent_ms"] <= (MISSED + 1) * gap_ms
    assert health["end_to_end"]["slowest_hop"] == "clickhouse_delayed"
    assert health["status"] != "healthy"
    # Three executions a way, and one for every try that failed before the last.
    found = DAY.times - MISSED * len(stuck)
    assert health["end_to_end"]["chains"] == found
    assert stats["total_records"] >= 3 * found
    worst = errors["patterns"][0]
    assert worst["pattern"] == "connection to <address> timed out after <n> ms"
    assert (worst["tiers"], errors["error_types"]["timeout"]) == (["redis_immediate"], worst["count"])
    outage_ms = [END_MS - DAY_MS + DAY_MS * part // 100 for part in (60, 62)]
    assert ms_of(worst["first_seen"][:16]) >= outage_ms[0] - 60_000
    assert ms_of(worst["last_seen"][:16]) <= outage_ms[1] + HOUR_MS


def test_schedules_take_turns_over_all_the_days() -> None:
    week = Simulation(96 * 7, 7, END_MS, 1)
    due = list(week.due())
    assert due[0][1] == week.start_ms == END_MS - 7 * DAY_MS
    assert set(Counter(schedule for schedule, _ in due).values()) == {96 * 7 // week.schedules}
    assert Simulation(1, 1, END_MS, 1).schedules == 1

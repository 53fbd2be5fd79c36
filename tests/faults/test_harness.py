"""The harness itself: played again it is the same, and it sees what it is there to see."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openride_stream.clock import rfc3339
from tests.faults import verdict
from tests.faults.answers import live_figures
from tests.faults.expected import Expected, precedence
from tests.faults.faults import FAULTS
from tests.faults.log import Logged
from tests.faults.schedule import LONGEST_S, Schedule
from tests.faults.stream import TOO_LARGE_BYTES, make_live, make_stream, mingled
from tests.reference.moments import DAY_MS
from tests.reference.realtime import HOUR_MS, realtime

END_MS = 1_780_000_000_000
DOMAINS = ("user", "booking", "payment", "trip", "route", "location")
RETENTION_DAYS = {f"{domain}_events": 400 for domain in DOMAINS} | {"schedule_analytics": 90}
ID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
TOPIC = "openride.events.route"


def logged(offset: int, *, revision: int = 0, event_id: str | None = ID) -> Logged:
    body = {"event_type": "route.cancelled", "event_timestamp": "2026-05-01T00:00:00Z", "revision": revision}
    body |= {"route_id": "r", "driver_id": "d"} | ({"event_id": event_id} if event_id else {})
    return Logged(TOPIC, 0, offset, END_MS, json.dumps(body).encode(), {})


def stored(record: Logged, **changes: Any) -> dict[str, Any]:
    value = record.value or b""
    event_id = json.loads(value).get("event_id", "derived").lower()
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    row = {"event_id": event_id, "precedence": precedence(value), "payload": value.decode(), **place}
    return row | changes


@pytest.fixture
def expected() -> Expected:
    made = Expected(lambda record: None)
    made.add([logged(0), logged(1, revision=1), logged(2), logged(3, event_id=None)])
    return made


RIGHT = [stored(logged(0)), stored(logged(1, revision=1)), stored(logged(3, event_id=None))]


def test_a_seed_says_all_of_a_schedule_and_a_stream() -> None:
    assert Schedule.of(7) == Schedule.of(7) != Schedule.of(8)
    assert str(Schedule.of(7)).startswith("schedule 7 (")
    streams = [make_stream(7, END_MS, RETENTION_DAYS) for _ in range(2)]
    assert streams[0] == streams[1]
    steps = [step for seed in range(200) for step in Schedule.of(seed).steps]
    assert all(step.at_s + step.for_s <= LONGEST_S + 0.1 for step in steps)
    assert {step.fault for step in steps} == FAULTS.keys()


def test_a_stream_holds_what_is_hard() -> None:
    first = make_stream(1, END_MS, RETENTION_DAYS)
    stream = make_stream(2, END_MS, RETENTION_DAYS, first)
    lengths = sorted(len(parcel.value or b"") for parcel in stream)
    assert lengths[-1] > TOO_LARGE_BYTES
    assert [length for length in lengths if 900_000 <= length <= 1_048_576]
    assert Counter(parcel.bad for parcel in stream)["MalformedJson"] > 200
    contents: dict[str, set[bytes]] = {}
    for parcel in stream:
        if parcel.event_id:
            contents.setdefault(parcel.event_id, set()).add(hashlib.sha256(parcel.value or b"").digest())
    assert max(map(len, contents.values())) > 1
    assert {parcel.value for parcel in first} & {parcel.value for parcel in stream}
    newest_ms, lateness_ms = 0, 0
    for parcel in stream:
        newest_ms = max(newest_ms, parcel.at_ms)
        lateness_ms = max(lateness_ms, newest_ms - parcel.at_ms)
    assert lateness_ms > 3 * DAY_MS


def test_what_is_live_is_young_mingled_evenly_and_partly_sent_twice() -> None:
    live = make_live(3, END_MS)
    assert live == make_live(3, END_MS)
    assert all(END_MS - 10 * HOUR_MS < parcel.at_ms <= END_MS for parcel in live)
    assert sum(parcel.at_ms > END_MS - HOUR_MS for parcel in live) > 50
    assert len({parcel.event_id for parcel in live}) < len(live)
    assert len({parcel.topic for parcel in live}) == 9
    trips = make_stream(7, END_MS, RETENTION_DAYS)
    stream = mingled(trips, live)
    assert [parcel for parcel in stream if parcel in set(trips)] == trips
    half = stream[: len(stream) // 2]
    assert abs(len(set(half) & set(live)) - len(live) / 2) < len(live) / 10


def test_live_figures_that_differ_are_named(
    expected: Expected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.faults.answers.AGREED_WITHIN_S", 0.0)
    event = {"event_type": "user.activity", "user_id": "u", "event_timestamp": rfc3339(END_MS - 1_000)}
    expected.add([Logged("openride.events.user", 0, 9, END_MS, json.dumps(event).encode(), {})])
    assert [one["event_id"] for one in expected.of_late] == ["('openride.events.user', 0, 9)"]
    (tmp_path / "v1/metrics").mkdir(parents=True)
    answer = realtime(expected.of_late, END_MS, "NGN", 6) | {"timestamp": rfc3339(END_MS), "reasons": []}
    stage = SimpleNamespace(workers=[SimpleNamespace(name="one", url=tmp_path.as_uri())])

    def differences(**changes: Any) -> list[str]:
        (tmp_path / "v1/metrics/realtime").write_text(json.dumps(answer | changes))
        return [*live_figures(stage, expected)]  # type: ignore[arg-type]

    assert differences() == differences(events_per_second=99) == []
    (difference,) = differences(active_users=0)
    assert difference.startswith("realtime of one: active_users is 0, not 1")


def test_what_is_right_is_no_difference(expected: Expected) -> None:
    assert list(verdict.table_differences("route_events", RIGHT, expected.tables["route_events"])) == []
    assert expected.superseded() == {min((row["event_id"], row["precedence"]) for row in RIGHT[:2])}


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (RIGHT[1:], "1 of 2 missing"),
        ([*RIGHT, RIGHT[0]], "1 of 2 too many"),
        (RIGHT[:2], r"\(no event_id\): 1 of 1 missing"),
        ([*RIGHT, RIGHT[2]], r"\(no event_id\): 1 of 1 too many"),
        ([*RIGHT, stored(logged(9, event_id="another"))], "1 of 1 too many"),
        ([*RIGHT[1:], stored(logged(0), payload="{}")], "the payload of"),
    ],
)
def test_a_lost_a_doubled_and_a_changed_row_are_differences(
    rows: list[dict[str, Any]], word: str, expected: Expected
) -> None:
    differences = list(verdict.table_differences("route_events", rows, expected.tables["route_events"]))
    assert len(differences) == 1
    assert re.search(word, differences[0])

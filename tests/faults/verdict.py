"""The comparison: every table, every dead letter, every figure, with a difference that can be read."""

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from openride_stream.clock import utc_from_ms
from openride_stream.events.topics import EVENT_TABLES
from tests.faults.expected import SCHEDULES, Content, Expected, Place, Table, is_payload_of
from tests.faults.log import Logged
from tests.faults.stage import Stage
from tests.reference.moments import DAY_MS, to_ms

ENDPOINTS = ("users", "bookings", "payments", "trips")
OVER_A_MONTH: tuple[dict[str, str], ...] = (
    {},
    {"city": "Brooklyn"},
    {"state": "NY", "granularity": "weekly"},
    {"currency": "USD", "granularity": "daily"},
)
OVER_ODD_ENDS: tuple[dict[str, str], ...] = ({}, {"city": "Manhattan", "granularity": "hourly"})
AT_ONCE = 4
SHOWN = 3
LAST_WEEK = {"hours_back": "168"}
LIMITS = ("start_date", "end_date")

Key = TypeVar("Key", bound=Hashable)


def tables(stage: Stage, expected: Expected) -> Iterator[str]:
    """Differences of the stored rows, duplicates collapsed as every reader collapses them."""
    for name in (*EVENT_TABLES, SCHEDULES):
        yield from table_differences(name, _rows(stage, name), expected.tables[name])
    found = Counter(superseded(stage))
    yield from _difference("superseded_events", found, Counter(expected.superseded()))


def superseded(stage: Stage) -> list[Content]:
    """The contents that are on record as having lost."""
    rows = _select(stage, "SELECT event_id, precedence FROM {database}.superseded_events FINAL")
    return [(row["event_id"], row["precedence"]) for row in rows]


def dead_letters(letters: Iterable[Logged], expected: Expected) -> Iterator[str]:
    """Differences of the dead-letter topics. A letter may be there twice: they are at least once."""
    found = {_origin(letter): letter for letter in letters}
    yield from _difference("dead-letter topics", Counter(found.keys()), Counter(expected.bad.keys()))
    good = found.keys() - expected.bad.keys()
    reasons = Counter(found[place].headers["dlq.error.message"] for place in good)
    yield from (f"good records are dead letters: {n}, as {why!r}" for why, n in reasons.most_common(SHOWN))
    for place in found.keys() & expected.bad.keys():
        error, record = expected.bad[place]
        said = found[place].headers["dlq.error.class"].decode()
        if said != error:
            yield f"dead letter of {place}: {said}, not {error}"
        if found[place].value != record.value:
            yield f"dead letter of {place}: not the record's bytes"


def dead_letter_rows(stage: Stage, expected: Expected) -> Iterator[str]:
    """Differences of the table of dead letters: one row for each, however often it was published."""
    columns = "topic, partition, offset, error, value_sha256"
    rows = _select(stage, f"SELECT {columns} FROM {{database}}.dead_letters FINAL")
    found = Counter((_place(row), row["error"], row["value_sha256"]) for row in rows)
    yield from _difference("dead_letters", found, expected.buried)


def figures(stage: Stage, expected: Expected, now_ms: int) -> Iterator[str]:
    """Differences of the four metrics endpoints, over a month and over a range with odd ends."""
    end_ms = now_ms // DAY_MS * DAY_MS + DAY_MS
    month = end_ms - 45 * DAY_MS, end_ms
    week = end_ms - 17 * DAY_MS + 4_321_000, end_ms - 9 * DAY_MS + 1_234_000
    spans = [(*month, more) for more in OVER_A_MONTH] + [(*week, more) for more in OVER_ODD_ENDS]
    questions = [(endpoint, *span) for span in spans for endpoint in ENDPOINTS]

    def ask(question: tuple[str, int, int, dict[str, str]]) -> Any:
        endpoint, start_ms, last_ms, more = question
        limits = {name: _iso(ms) for name, ms in zip(LIMITS, (start_ms, last_ms), strict=True)}
        return stage.get(f"/v1/metrics/{endpoint}", **limits, **more)

    with ThreadPoolExecutor(AT_ONCE) as asking:
        answers = asking.map(ask, questions)
    for (endpoint, start_ms, last_ms, more), given in zip(questions, answers, strict=True):
        right = getattr(expected.reference, endpoint)(start_ms, last_ms, **more)
        yield from _figure(f"{endpoint} from {utc_from_ms(start_ms):%Y-%m-%d} {more}", given, right)


def schedule_figures(stage: Stage, expected: Expected, now_ms: int) -> Iterator[str]:
    """Differences of what is said about schedules: the last week, and queue times of all weeks before."""
    end_ms = now_ms // DAY_MS * DAY_MS + DAY_MS
    weeks = [
        {
            "start_time": utc_from_ms(last_ms - 7 * DAY_MS).isoformat(),
            "end_time": utc_from_ms(last_ms).isoformat(),
        }
        for last_ms in range(end_ms, end_ms - 49 * DAY_MS, -7 * DAY_MS)
    ]
    asked = [*(("queue-times", week) for week in weeks), ("errors/patterns", LAST_WEEK)]
    schedules = Counter(each["schedule_id"] for each in expected.schedules.executions())
    for name, _ in schedules.most_common(1):
        asked.append((f"performance/schedule/{quote(name, safe='')}", LAST_WEEK))
    for path, parameters in asked:
        given = stage.get(f"/v1/schedule-analytics/{path}", **parameters)
        # The last week ends with the minute of the answer, whose time is not ours.
        now_ms = to_ms(given["time_range"]["end_time"]) - 1
        right = expected.schedules.answer(unquote(path), parameters, now_ms)
        yield from _figure(f"schedules, {path} {parameters}", given, right)


def _iso(ms: int) -> str:
    return utc_from_ms(ms).isoformat()


def _figure(question: str, given: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[str]:
    for name in right.keys() | given.keys():
        if given.get(name) == right.get(name):
            continue
        if name != "time_series":
            yield f"{question}: {name} is {given.get(name)}, not {right.get(name)}"
            continue
        pairs = zip(given[name], right[name], strict=False)
        off = [(point, true["value"]) for point, true in pairs if point != true]
        yield f"{question}: {len(off)} points of the time series are off, e.g. (given, right) {off[:SHOWN]}"


def table_differences(name: str, rows: list[dict[str, Any]], expected: Table) -> Iterator[str]:
    """Differences of one table's rows, `rows` being what a reader sees of it."""
    stated_ids = {event_id for event_id, _ in expected.contents}
    stated = Counter(_content(row) for row in rows if row["event_id"] in stated_ids)
    others = Counter((_place(row), row["precedence"]) for row in rows if row["event_id"] not in stated_ids)
    yield from _difference(name, stated, Counter(expected.contents.keys()), expected.contents)
    yield from _difference(f"{name} (no event_id)", others, expected.anonymous)
    for row in rows:
        # The payload of a record without an id is right when its precedence, a hash, is.
        record = expected.contents.get(_content(row))
        if record is not None and not is_payload_of(row["payload"], record.value or b""):
            yield f"{name}: the payload of {row['event_id']} is not what {record.place} says"


def _rows(stage: Stage, table: str) -> list[dict[str, Any]]:
    identity = "if(is_update, event_id, analytics_id)" if table == SCHEDULES else "event_id"
    return _select(
        stage,
        f"SELECT {identity} AS event_id, precedence, topic, partition, offset, payload "
        f"FROM {{database}}.{table} FINAL",
    )


def _select(stage: Stage, sql: str) -> list[dict[str, Any]]:
    statement = sql.format(database=stage.settings.clickhouse_database) + " FORMAT JSONEachRow"
    answer = stage.clickhouse.query(statement, output_format_json_quote_64bit_integers="0")
    return [json.loads(line) for line in answer.splitlines()]


def _content(row: Mapping[str, Any]) -> Content:
    return row["event_id"], row["precedence"]


def _place(row: Mapping[str, Any]) -> Place:
    return row["topic"], row["partition"], row["offset"]


def _origin(letter: Logged) -> Place:
    header = letter.headers
    return header["dlq.topic"].decode(), int(header["dlq.partition"]), int(header["dlq.offset"])


def _difference(
    what: str, found: Counter[Key], right: Counter[Key], records: Mapping[Key, Logged] | None = None
) -> Iterator[str]:
    groups = {"missing": right - found, "too many": found - right}
    for group, keys in groups.items():
        if keys:
            shown = [
                f"{key} of {records[key].place}" if records and key in records else f"{key}" for key in keys
            ]
            yield f"{what}: {keys.total()} of {right.total()} {group}: {', '.join(sorted(shown)[:SHOWN])}"

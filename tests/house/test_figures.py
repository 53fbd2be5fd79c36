"""docs/metrics.md: its events, through the real decoding, sink and API, give the answers that it shows."""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, get_args
from urllib.parse import parse_qsl, urlsplit

import pytest

from openride_stream.api.choices import GeographicMetric, TrendMetric
from openride_stream.events.accept import accept
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import TOPIC_OF
from openride_stream.exports.query import prepare
from tables.series import HOUR_MS
from tables.sightings import sightings
from tests.exactness.questions import Asked
from tests.exactness.records import WRITTEN_MS, Sent
from tests.exactness.stage import Stage, stage
from tests.web.test_realtime import worker
from web.registry import all_endpoints

__all__ = ["stage"]

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
NAMES = uuid.UUID("6f1d0a52-0000-4000-8000-000000000000")
IDS = ("event_id", "user_id", "rider_id", "driver_id", "route_id", "booking_id", "payment_id", "trip_id")
# What holds figures, or says whose they are.
NO_FIGURES = {
    *("time_series", "drivers", "routes", "steps", "cohorts", "data_points", "retention_by_period"),
    *("driver_id", "route_id", "state", "city", "timestamp", "value", "d1", "d7", "d30", "period_1"),
    *("mongo_periodic", "clickhouse_delayed", "redis_immediate"),
}
LATER = "2026-03-01T00:00:00Z"
LIVE_MS = 6 * HOUR_MS


class Example(NamedTuple):
    line: int
    path: str
    parameters: dict[str, str]
    now_ms: int
    answer: Any

    def __str__(self) -> str:
        return f"metrics.md:{self.line}"


def examples() -> Iterator[Example]:
    pattern = (
        r"```http\nGET (\S+)(?: +\(at (\S+)\))?\n```\n(?:[^`\n].*\n|`.*\n(?<!```\n))*?```json\n(.*)\n```"
    )
    for found in re.finditer(pattern, PAGE):
        url = urlsplit(found[1])
        line = PAGE.count("\n", 0, found.start()) + 2
        now_ms = ms_of(found[2] or LATER)
        yield Example(line, url.path, dict(parse_qsl(url.query)), now_ms, json.loads(found[3]))


def ms_of(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def id_of(name: str) -> str:
    return str(uuid.uuid5(NAMES, name))


def log() -> list[Sent]:
    """The events of the page as records; what it leaves out is as in the example of the type."""
    (block,) = re.findall(r"```jsonl\n(.*?)```", PAGE, re.DOTALL)
    return [record(offset, json.loads(line)) for offset, line in enumerate(block.splitlines())]


def record(offset: int, shown: dict[str, Any]) -> Sent:
    ids = {name: id_of(shown[name]) for name in IDS if name in shown}
    if "schedule_type" in shown:
        usual = {k: v for k, v in example(EXECUTION_NAME).items() if not k.startswith("time_in")}
        moment = shown.pop("event_timestamp")
        ids = {"analytics_id": id_of(f"execution {offset}")}
        times = {"started_processing_at": moment, "completed_at": moment}
        return Sent("openride.schedules.mongo", offset, json.dumps(usual | shown | times | ids).encode())
    usual = example(shown["event_type"])
    for name in ("city", "state", "currency"):
        usual.pop(name, None)
    body = usual | {"event_id": id_of(f"event {offset}")} | shown | ids
    return Sent(TOPIC_OF[shown["event_type"]].name, offset, json.dumps(body).encode())


EXAMPLES = list(examples())
LOG = log()


@pytest.fixture(scope="module")
def told(stage: Stage) -> Stage:
    """With every event stored, and seen by the live tables."""
    stage.run(stage.deliver(LOG))
    now_ms = ms_of("2026-01-07T08:42:00Z")
    for topic in sorted({sent.topic for sent in LOG}):
        batch = RecordBatch(topic, 0, [sent for sent in LOG if sent.topic == topic])
        accepted = accept(batch, DecodePolicy.from_settings(stage.settings, "cluster"), WRITTEN_MS)
        if seen := sightings(topic, accepted, now_ms, LIVE_MS):
            stage.site.live.state.add(seen, now_ms)
    stage.site.runtime.workers.now = [worker(stage.site)]
    return stage


@pytest.fixture(scope="module")
def built(told: Stage) -> Stage:
    """The same, of days that are built."""
    told.run(told.build())
    return told


@pytest.mark.parametrize("way", ["told", "built"])
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_is_what_the_api_answers(
    request: pytest.FixtureRequest, example: Example, way: str
) -> None:
    told: Stage = request.getfixturevalue(way)
    told.site.live.as_of_ms = example.now_ms
    (answer,) = told.run(told.ask([Asked(example.path, example.parameters)], example.now_ms))
    assert named(answer) == example.answer


@pytest.mark.parametrize("metric", ["bookings", "revenue"])
def test_the_sql_of_places_gives_the_places_of_the_api(told: Stage, metric: str) -> None:
    statements = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    (statement,) = [each for each in statements if ("amount" in each) == (metric == "revenue")]
    (example,) = [each for each in EXAMPLES if each.parameters.get("metric") == metric]

    # As an export runs it, over distinct rows.
    store = told.site.runtime.store
    rows = told.run(store.select(prepare(statement, {}, store.database, 1_000).sql))
    found = [(row["state"], row["city"], float(row["value"])) for row in rows]
    points = example.answer["data_points"]
    assert found == [(point["state"], point["city"], float(point["value"])) for point in points]


def named(answer: Any) -> Any:
    """The answer with the page's names for ids."""
    text = json.dumps(answer)
    for name in sorted({json.loads(sent.value).get(field, "") for sent in LOG for field in IDS} - {""}):
        text = text.replace(name, SHOWN.get(name, name))
    return json.loads(text)


SHOWN = {id_of(name): name for name in re.findall(r'"\w+_id": "([\w-]+)"', PAGE)}


def test_every_endpoint_of_figures_has_an_example() -> None:
    assert len(EXAMPLES) == PAGE.count("```http")
    declared = {
        endpoint.path
        for endpoint in all_endpoints()
        if endpoint.response is not None and endpoint.path.startswith(("/v1/metrics/", "/v1/analytics/"))
    }
    assert {example.path for example in EXAMPLES} == declared
    assert len(declared) == 12


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_figure_of_an_answer_has_its_line(example: Example) -> None:
    section = PAGE.partition(f"### GET {example.path}\n")[2].partition("\n### ")[0]
    assert [name for name in keys_of(example.answer) - NO_FIGURES if f"`{name}`" not in section] == []


def test_every_choice_is_explained() -> None:
    for choices in (TrendMetric, GeographicMetric):
        assert [choice for choice in get_args(choices) if f"`{choice}`" not in PAGE] == []


def keys_of(answer: Any) -> set[str]:
    """The names of all fields, at any depth."""
    if isinstance(answer, list):
        return set().union(*map(keys_of, answer))
    if isinstance(answer, dict):
        return {*answer}.union(*map(keys_of, answer.values()))
    return set()

"""The way in for schedule executions, and what reading them refuses."""

import io
import json
from typing import Any

import orjson
import pytest

from openride_stream.clock import rfc3339
from openride_stream.errors import BrokerUnavailable
from openride_stream.events.decode import decode
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.records import RecordBatch
from openride_stream.schedules import intake
from tests.clickhouse.storing import NOW_MS, Sent, ingest
from tests.events.batches import POLICY, FakeRecord
from tests.exactness.stories import uid
from tests.fixtures.web import Site

BASE = "/v1/schedule-analytics"
BODY = example(EXECUTION_NAME) | {
    "started_processing_at": rfc3339(NOW_MS - 1000),
    "completed_at": rfc3339(NOW_MS - 800),
}
ID = BODY["analytics_id"]
TIERS = [
    ("mongo/execution", "mongo_periodic", "openride.schedules.mongo"),
    ("clickhouse/transfer", "clickhouse_delayed", "openride.schedules.clickhouse"),
    ("redis/processing", "redis_immediate", "openride.schedules.redis"),
]


async def send(site: Site, method: str, path: str, body: Any, status: int) -> dict[str, Any]:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    async with site.client.request(method, f"{BASE}/{path}", data=data) as response:
        assert response.status == status, await response.text()
        answer: dict[str, Any] = await response.json(content_type=None)
        return answer


def faulty(problem: dict[str, Any]) -> list[str]:
    return [fault["parameter"] for fault in problem["errors"]]


def without(*names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in BODY.items() if name not in names} | more


def row_of(topic: str, value: bytes, at_ms: int) -> dict[str, Any]:
    """What a worker makes of the record."""
    batch = RecordBatch(topic, 0, [FakeRecord(value, timestamp=at_ms)])
    (row,) = decode(batch, POLICY, at_ms).rows
    return row


async def store(site: Site, *records: dict[str, Any]) -> None:
    await ingest(
        site.runtime.store, site.settings, {"openride.schedules.redis": [*map(orjson.dumps, records)]}
    )


@pytest.mark.parametrize(("path", "tier", "topic"), TIERS)
async def test_a_record_goes_to_its_tiers_topic_as_it_was_sent(
    bare_site: Site, path: str, tier: str, topic: str
) -> None:
    sent = orjson.dumps(without("schedule_type"))
    answer = await send(bare_site, "POST", path, sent, 202)
    generic = await send(bare_site, "POST", "", BODY | {"schedule_type": tier}, 202)
    assert answer == {"analytics_id": ID, "event_id": ID, "topic": topic, "partition": 0, "offset": 0}
    assert generic == answer | {"offset": 1}
    (written, _) = bare_site.runtime.outbox.written
    now_ms = bare_site.runtime.clock.ms
    assert written == (topic, BODY["schedule_id"].encode(), sent, now_ms)


async def test_what_has_no_identity_gets_one_that_its_record_carries(bare_site: Site) -> None:
    body = without("analytics_id", weight=1.10, huge=10**30)
    sent = json.dumps(body).encode()
    first, second = [await send(bare_site, "POST", "redis/processing", sent, 202) for _ in range(2)]
    assert first["analytics_id"] != second["analytics_id"]
    for answer, (topic, _, value, at_ms) in zip(
        (first, second), bare_site.runtime.outbox.written, strict=True
    ):
        assert row_of(topic, value, at_ms)["analytics_id"] == answer["analytics_id"] == answer["event_id"]
        assert json.loads(value) == body | {"analytics_id": answer["analytics_id"]}


@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        ("", without("schedule_type"), ["schedule_type"]),
        ("", BODY | {"schedule_type": "cron"}, ["schedule_type"]),
        ("mongo/execution", BODY | {"schedule_type": "redis_immediate"}, ["schedule_type"]),
        ("", without("schedule_id", "scheduled_at"), ["schedule_id", "scheduled_at"]),
        ("", BODY | {"analytics_id": 7}, ["analytics_id"]),
        ("", BODY | {"level": "fatal", "retry_count": -1}, ["level", "retry_count"]),
        ("", BODY | {"started_processing_at": "2001-01-01T00:00:00Z"}, ["event_timestamp"]),
        ("", BODY | {"started_processing_at": rfc3339(NOW_MS + 90_000_000)}, ["event_timestamp"]),
        ("", BODY | {"update": True}, ["update"]),
        ("", BODY | {"update": "yes"}, ["update"]),
    ],
)
async def test_what_would_be_a_dead_letter_is_refused_and_named(
    bare_site: Site, path: str, body: dict[str, Any], names: list[str]
) -> None:
    assert faulty(await send(bare_site, "POST", path, body, 422)) == names
    assert bare_site.runtime.outbox.written == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"a"', b"\xff", b'{"a": NaN}', b"[" * 2000])
async def test_what_is_no_json_object_cannot_be_read(bare_site: Site, body: bytes) -> None:
    for method, path in (("POST", ""), ("PATCH", ID)):
        assert faulty(await send(bare_site, method, path, body, 400)) == ["body"]


async def test_a_body_is_not_longer_than_a_record_may_be(bare_site: Site) -> None:
    room = 1_048_576 - len(orjson.dumps(without("analytics_id", error_message="")))
    for extra in (room + 1, room):  # beyond what is read, and beyond a record once it has its new identity
        body = without("analytics_id", error_message="x" * extra)
        path, sent = f"{BASE}/redis/processing", io.BytesIO(orjson.dumps(body))
        async with bare_site.client.post(path, data=sent) as response:
            assert response.status == 413
    assert bare_site.runtime.outbox.written == []


async def test_without_the_brokers_word_it_is_not_taken(bare_site: Site) -> None:
    bare_site.runtime.outbox.failure = BrokerUnavailable("away")
    problem = await send(bare_site, "POST", "", BODY, 503)
    assert "same analytics_id" in problem["detail"]


async def test_an_update_follows_its_execution(site: Site) -> None:
    await store(site, BODY)
    answer = await send(site, "PATCH", ID.upper(), {"execution_result": "failure"}, 202)
    again = await send(
        site, "PATCH", ID, {"retry_count": 2, "event_id": ID, "schedule_type": BODY["schedule_type"]}, 202
    )
    assert (answer["topic"], answer["analytics_id"]) == ("openride.schedules.redis", ID)
    assert again["event_id"] == ID != answer["event_id"]
    (topic, key, value, first_ms), (*_, second_ms) = site.runtime.outbox.written
    assert key == BODY["schedule_id"].encode()
    assert json.loads(value) == {
        "execution_result": "failure",
        "analytics_id": ID,
        "update": True,
        "event_id": answer["event_id"],
    }
    # Of two in one millisecond the later one is the newer one, and newer than what it changes.
    assert NOW_MS < first_ms < second_ms
    row = row_of(topic, value, first_ms)
    assert (row["is_update"], row["event_id"]) == (True, answer["event_id"])


async def test_an_execution_that_is_stamped_with_the_future_takes_no_other_one_with_it(site: Site) -> None:
    hour_ms, body = 3_600_000, {"retry_count": 1}
    ahead = {uid(7, hours): NOW_MS + hours * hour_ms for hours in (0, 20, 60)}
    records = [
        Sent(offset, orjson.dumps(BODY | {"analytics_id": each}), at_ms)
        for offset, (each, at_ms) in enumerate(ahead.items())
    ]
    await ingest(site.runtime.store, site.settings, {"openride.schedules.redis": records})
    usual, day, days = ahead
    problem = await send(site, "PATCH", days, body, 422)
    assert faulty(problem) == ["analytics_id"]
    for each in (day, usual, day):
        await send(site, "PATCH", each, body, 202)
    first_ms, usual_ms, second_ms = (at_ms for *_, at_ms in site.runtime.outbox.written)
    assert ahead[day] < first_ms < second_ms < ahead[day] + 1_000
    assert usual_ms < NOW_MS + hour_ms
    # Whoever reads them takes them.
    for topic, _, value, at_ms in site.runtime.outbox.written:
        batch = RecordBatch(topic, 0, [FakeRecord(value, timestamp=at_ms)])
        assert decode(batch, POLICY, site.runtime.clock.ms).rejects == []


async def test_what_was_posted_here_can_be_changed_however_far_behind_reading_is(site: Site) -> None:
    await send(site, "POST", "redis/processing", without("schedule_type"), 202)
    await send(site, "PATCH", ID.upper(), {"retry_count": 1}, 202)
    _, (topic, key, value, at_ms) = site.runtime.outbox.written
    assert (topic, key) == ("openride.schedules.redis", BODY["schedule_id"].encode())
    assert orjson.loads(value)["retry_count"] == 1
    assert at_ms > site.runtime.outbox.written[0][-1]


async def test_an_update_must_be_one_of_something_that_is_known(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "KNOWN_WITHIN_S", 0.2)
    await store(site, BODY)
    problem = await send(site, "PATCH", "6f1d0a52-3c1f-4e0a-9d1e-0c8c7a1b2d3e", {"retry_count": 1}, 404)
    assert "6f1d0a52" in problem["detail"]
    for body, name in (
        ({}, "update"),
        ({"schedule_id": "other"}, "update"),
        ({"retry_count": "many"}, "retry_count"),
        ({"retry_count": 1, "analytics_id": "6f1d0a52-3c1f-4e0a-9d1e-0c8c7a1b2d3e"}, "analytics_id"),
        ({"retry_count": 1, "update": False}, "update"),
        ({"retry_count": 1, "schedule_type": "mongo_periodic"}, "schedule_type"),
        ({"retry_count": 1, "event_id": "x"}, "event_id"),
    ):
        assert faulty(await send(site, "PATCH", ID, body, 422)) == [name], body
    problem = await send(site, "PATCH", "no-uuid", {"retry_count": 1}, 400)
    assert faulty(problem) == ["analytics_id"]
    assert site.runtime.outbox.written == []


@pytest.mark.parametrize(
    ("path", "asked", "status", "name"),
    [
        ("time-range", {"start_time": "2026-01-01", "end_time": "2026-01-09"}, 422, "start_time"),
        ("time-range", {"start_time": "2026-01-02", "end_time": "2026-01-02"}, 422, "end_time"),
        ("time-range", {"level": "fatal"}, 422, "level"),
        ("queue-times", {"start_time": "yesterday"}, 400, "start_time"),
        ("level/fatal", {}, 422, "level"),
        ("level/info", {"cursor": "bm9uc2Vuc2U"}, 400, "cursor"),
        ("level/info", {"cursor": "ü"}, 400, "cursor"),
        ("level/info", {"limit": "1001"}, 422, "limit"),
        ("stats", {"hours_back": "169"}, 422, "hours_back"),
        ("stats", {"hours_back": "0"}, 422, "hours_back"),
        ("health/system", {"hours_back": "25"}, 422, "hours_back"),
        ("errors/patterns", {"hours_back": "1.5"}, 400, "hours_back"),
        (f"schedule/{'x' * 501}", {}, 422, "schedule_id"),
    ],
)
async def test_a_question_that_cannot_be_answered_names_its_parameter(
    bare_site: Site, path: str, asked: dict[str, str], status: int, name: str
) -> None:
    assert faulty(await bare_site.get(f"{BASE}/{path}", status, **asked)) == [name]

"""What the clients send is what the API takes, field by field, and the same when it is tried again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_type_hints
from uuid import UUID

import httpx
import pytest

from openride_stream.api.schedules import ExecutionChange, TieredBody
from openride_stream.client import AsyncOpenRide, InvalidParameter, NotFound, OpenRide
from openride_stream.client.calls import sending
from openride_stream.schedules import intake
from tests.fixtures.served import Served
from web.endpoint import Body, Endpoint
from web.registry import all_endpoints

NOW = datetime.now(UTC)
BODY: dict[str, Any] = {
    "schedule_id": "payouts",
    "event_type": "payment",
    "event_action": "payout",
    "correlation_id": "a chain",
    "scheduled_at": NOW - timedelta(seconds=9),
    "started_processing_at": (NOW - timedelta(seconds=8)).replace(tzinfo=None),
}
NAMES = [name for name, found in vars(sending).items() if hasattr(found, "__wrapped__")]
ID = UUID("6f1d0a52-3c1f-4e0a-9d1e-0c8c7a1b2d3e")
UNKNOWN = UUID("6f1d0a52-3c1f-4e0a-9d1e-0c8c7a1b2d3f")


def taking(method: str, path: str) -> Endpoint:
    (found,) = [each for each in all_endpoints() if (each.method, each.path) == (method, path)]
    return found


def called(name: str) -> Any:
    declared = getattr(sending, name)
    if name == "schedules_cleanup":
        return declared(days_to_keep=30)
    return declared(analytics_id=ID, retry_count=1) if name == "schedules_update" else declared(**BODY)


def test_every_endpoint_that_takes_something_of_schedules_has_a_method_in_both_clients() -> None:
    told = {(called(name).method, called(name).path) for name in NAMES}
    taking_some = [each for each in all_endpoints() if each.path.startswith("/v1/schedule-analytics")]
    assert told == {(each.method, each.path) for each in taking_some if each.method != "GET"}
    for name in NAMES:
        call = called(name)
        assert call.answer is taking(call.method, call.path).response
        for client in (OpenRide, AsyncOpenRide):
            assert getattr(client, name).__doc__ == getattr(sending, name).__doc__


def test_keywords_are_the_fields_of_the_bodies() -> None:
    for kind, method, path in (
        (TieredBody, "POST", "/v1/schedule-analytics/"),
        (ExecutionChange, "PATCH", "/v1/schedule-analytics/{analytics_id}"),
    ):
        body = taking(method, path).body
        assert isinstance(body, Body)
        assert set(get_type_hints(kind)) >= set(body.schema["properties"]) - {"event_id", "schedule_type"}
        assert set(body.schema.get("required", ())) - {"schedule_type"} == (
            kind.__required_keys__ - {"schedule_type"}
        )


def test_warnings_and_errors_say_so_unless_told_otherwise() -> None:
    given = BODY | {"schedule_type": "redis_immediate"}
    plain = sending.schedules_send(**given, analytics_id=ID).body
    assert sending.schedules_warning(**given, analytics_id=ID).body == {**plain, "level": "warning"}
    failed = sending.schedules_error(**given).body
    assert (failed["level"], failed["execution_result"]) == ("error", "failure")
    late = sending.schedules_error(**given, execution_result="timeout").body
    assert (late["level"], late["execution_result"]) == ("error", "timeout")


async def test_what_is_sent_arrives(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "KNOWN_WITHIN_S", 0.2)
    outbox = served.site.runtime.outbox
    with OpenRide(served.url, served.tokens["admin"]) as client:
        taken = client.schedules_mongo_execution(**BODY, analytics_id=ID)
        assert (taken.analytics_id, taken.topic) == (ID, "openride.schedules.mongo")
        assert (
            client.schedules_send(**BODY, schedule_type="redis_immediate").topic == "openride.schedules.redis"
        )
        with pytest.raises(InvalidParameter) as refused:
            client.schedules_send(**BODY)
        assert refused.value.parameter == "schedule_type"
        assert client.schedules_update(analytics_id=ID, retry_count=2).analytics_id == ID
        with pytest.raises(NotFound):
            client.schedules_update(analytics_id=UNKNOWN, retry_count=2)
        would = client.schedules_cleanup(days_to_keep=365, dry_run=True)
        assert (would.dry_run, would.executions) == (True, 0)
    async with AsyncOpenRide(served.url, served.tokens["admin"]) as client:
        assert (await client.schedules_clickhouse_transfer(**BODY)).topic == "openride.schedules.clickhouse"
    sent = json.loads(outbox.written[-1][2])
    assert sent["scheduled_at"] == BODY["scheduled_at"].isoformat()


def test_what_is_tried_again_is_the_same_execution() -> None:
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        if len(bodies) == 1:
            return httpx.Response(503, headers={"Retry-After": "0"})
        where = {"topic": "openride.schedules.redis", "partition": 0, "offset": 1}
        identity = {"analytics_id": bodies[0]["analytics_id"], "event_id": bodies[0]["analytics_id"]}
        return httpx.Response(202, json=identity | where)

    with OpenRide("http://here", retries=1, transport=httpx.MockTransport(answer)) as client:
        client.schedules_redis_processing(**BODY)
    assert bodies[0] == bodies[1]
    UUID(bodies[0]["analytics_id"])

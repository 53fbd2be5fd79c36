"""What is said about executions: as updates left them, against the time before, to alerts, to admins."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from openride_stream.clock import rfc3339
from openride_stream.errors import StoreUnavailable
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, Sent, ingest
from tests.exactness.executions import usual
from tests.exactness.stories import DAY_MS, HOUR_MS, uid
from tests.fixtures.web import Site
from web.tokens import entry_of, new_token

BASE = "/v1/schedule-analytics"
TOPICS = {
    "mongo_periodic": "openride.schedules.mongo",
    "clickhouse_delayed": "openride.schedules.clickhouse",
    "redis_immediate": "openride.schedules.redis",
}
TOKENS = {role: new_token() for role in ("analyst", "admin")}


class Told:
    """Executions and updates of a test, each with an identity of its own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._numbers: Iterator[int] = count()

    async def executions(self, tier: str, *bodies: dict[str, Any]) -> None:
        """Store executions of a tier; `ago_ms` of each is how long before now it started."""
        made = []
        for body in bodies:
            at = rfc3339(NOW_MS - body.pop("ago_ms", 1_000))
            identity = {"analytics_id": uid(7, next(self._numbers)), "schedule_type": tier}
            times = {"scheduled_at": at, "started_processing_at": at, "completed_at": at}
            made.append(usual(**(identity | times | body)))
        await self.records(TOPICS[tier], *((body, NOW_MS) for body in made))

    async def records(self, topic: str, *given: tuple[dict[str, Any], int]) -> None:
        """Store records, each written at its moment."""
        sent = [Sent(next(self._numbers), orjson.dumps(body), at_ms) for body, at_ms in given]
        await ingest(self._site.runtime.store, self._site.settings, {topic: sent})


async def series(site: Site, name: str) -> dict[str, float]:
    """Values of a gauge by tier, as Prometheus would read them."""
    async with site.client.get("/metrics") as response:
        served = await response.text()
    found = re.findall(rf'^openride_schedule_{name}\{{tier="(\w+)"\}} (\S+)$', served, re.MULTILINE)
    return {tier: float(value) for tier, value in found}


async def test_of_each_field_the_newest_update_counts_whichever_arrives_first(site: Site) -> None:
    told, topic = Told(site), TOPICS["redis_immediate"]
    execution = usual(analytics_id=uid(7, 1), started_processing_at=rfc3339(NOW_MS - 1_000))
    for name in ("level", "execution_result", "schedule_type", "completed_at", "total_processing_time_ms"):
        execution.pop(name, None)

    def update(number: int, after_ms: int, **fields: Any) -> tuple[dict[str, Any], int]:
        named = {"update": True, "analytics_id": uid(7, 1), "event_id": uid(6, number)}
        return named | fields, NOW_MS + after_ms

    newest = update(3, 3_000, execution_result="timeout", error_message="no answer")
    middle = update(2, 2_000, execution_result="success", retry_count=2)
    oldest = update(1, 1_000, retry_count=1, error_message="late", processed_by_node="node 1")
    for record in (newest, oldest, (execution, NOW_MS), middle, oldest, newest):
        await told.records(topic, record)
    path = f"{BASE}/schedule/{execution['schedule_id']}"
    (found,) = (await site.get(path))["executions"]
    wanted = {"execution_result": "timeout", "level": "error", "error_message": "no answer"}
    wanted |= {"retry_count": 2, "processed_by_node": "node 1"}
    assert {name: found[name] for name in wanted} == wanted
    # One that was written before the others changes only what they leave alone.
    await told.records(topic, update(4, 500, retry_count=9, schedule_name="Payouts"))
    (found,) = (await site.get(path))["executions"]
    assert (found["retry_count"], found["schedule_name"]) == (2, "Payouts")
    stats = await site.get(f"{BASE}/stats", hours_back="1")
    assert (stats["total_records"], stats["error_count"], stats["success_rate"]) == (1, 1, 0.0)


async def test_error_patterns_are_held_against_the_time_before(site: Site) -> None:
    told = Told(site)

    def failure(number: int, ago_ms: int, message: str, schedule: str) -> dict[str, Any]:
        text = message.format(number)
        failed = {"execution_result": "failure", "level": "error", "error_message": text}
        return failed | {"ago_ms": ago_ms, "schedule_id": schedule}

    refused, silent, gone = "10.0.0.{}:5223 refused", "no answer within {} ms", "user {} is gone"
    before = [failure(n, HOUR_MS + 120_000 + n, refused, "payouts") for n in range(2)]
    before += [failure(7, HOUR_MS + 120_000, gone, "payouts")]
    now = [failure(n, 600_000 - n * 1_000, refused, f"reminder {n % 3}") for n in range(3)]
    await told.executions("redis_immediate", *before, *now)
    late = [failure(n, 300_000 - n * 1_000, refused, "payouts") for n in range(3, 5)]
    await told.executions("mongo_periodic", *late, failure(9, 1_000, silent, "payouts"))
    found = await site.get(f"{BASE}/errors/patterns", hours_back="1")
    assert [each["pattern"] for each in found["patterns"]] == [
        "<address> refused",
        "no answer within <n> ms",
    ]
    more, new = found["patterns"]
    assert (more["count"], more["previous_count"], more["change_percent"]) == (5, 2, 150.0)
    assert (new["count"], new["previous_count"], new["change_percent"]) == (1, 0, None)
    assert (more["tiers"], more["schedules"]) == (["mongo_periodic", "redis_immediate"], 4)
    assert (more["first_seen"], more["last_seen"]) == (rfc3339(NOW_MS - 600_000), rfc3339(NOW_MS - 296_000))
    assert more["example"] == "10.0.0.4:5223 refused"
    assert found["total_errors"] == 6


async def test_alerts_are_told_the_verdict_and_no_more_often_than_every_minute(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, clock = Told(site), site.runtime.clock
    failed = {"execution_result": "failure", "level": "error", "schedule_id": "reminder"}
    well = {"execution_result": "success", "level": "info", "schedule_id": "reminder"}
    await told.executions("redis_immediate", *({**failed} for _ in range(9)), {**well})
    await told.executions("mongo_periodic", *({**well} for _ in range(9)), {**failed})
    # Due every minute until half an hour ago.
    await told.executions(
        "clickhouse_delayed",
        *({**well, "schedule_id": "payouts", "ago_ms": minute * 60_000} for minute in range(30, 36)),
    )
    health = await site.get(f"{BASE}/health/system", hours_back="1")
    states = {tier: one["status"] for tier, one in health["tiers"].items()}
    assert states == {
        "mongo_periodic": "degraded",
        "clickhouse_delayed": "degraded",
        "redis_immediate": "critical",
    }
    assert await series(site, "tier_degraded") == dict.fromkeys(states, 1.0)
    critical = {tier: float(status == "critical") for tier, status in states.items()}
    assert await series(site, "tier_critical") == critical
    stuck = {tier: float(tier == "clickhouse_delayed") for tier in states}
    assert await series(site, "stuck_schedules") == stuck

    # What becomes better is seen a minute later; a store that is away leaves what was said.
    await told.executions("redis_immediate", *({**well} for _ in range(400)))
    assert await series(site, "tier_critical") == critical
    clock.advance(61)

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(site.runtime.store, "select", away)
        assert await series(site, "tier_critical") == critical
    clock.advance(61)
    assert await series(site, "tier_critical") == dict.fromkeys(states, 0.0)
    assert (await series(site, "tier_degraded"))["redis_immediate"] == 0.0


class TestCleanup:
    """Over HTTP: counted first, then done, and on record with whoever asked."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        entries = ",".join(entry_of(f"some-{role}", role, token).text() for role, token in TOKENS.items())
        update = {"api_tokens": SecretStr(entries), "retention_schedule_days": 400}
        return settings.model_copy(update=update)

    async def test_what_would_go_is_counted_and_what_goes_is_on_record_with_who_asked(
        self, site: Site, settings: Settings
    ) -> None:
        today_ms = NOW_MS // DAY_MS * DAY_MS
        ago_ms = [NOW_MS - today_ms + days * DAY_MS for days in (0, 29, 31, 40, 100)]
        await Told(site).executions("redis_immediate", *({"ago_ms": each} for each in ago_ms))

        async def clean_up(role: str, **given: str) -> tuple[int, dict[str, Any]]:
            headers = {"Authorization": f"Bearer {TOKENS[role]}"}
            params = {"days_to_keep": "30", **given}
            async with site.client.delete(f"{BASE}/cleanup", params=params, headers=headers) as response:
                return response.status, await response.json(content_type=None)

        assert (await clean_up("analyst", dry_run="true"))[0] == 403
        status, would = await clean_up("admin", dry_run="true")
        assert (status, would["dry_run"], would["executions"]) == (200, True, 3)
        assert would["months_dropped"]  # a hundred days back lies a month that goes whole
        status, done = await clean_up("admin")
        assert (status, done) == (200, would | {"dry_run": False})
        assert (await clean_up("admin"))[1]["executions"] == 0
        store = site.runtime.store
        left = await store.select(f"SELECT count() AS n FROM {store.database}.schedule_executions FINAL")
        assert left == [{"n": 2}]
        audit = await store.select(
            f"SELECT who, step, executions FROM {store.database}.schedule_cleanups "
            "ORDER BY executions DESC, step LIMIT 2"
        )
        assert [(row["step"], row["executions"]) for row in audit] == [("began", 3), ("done", 3)]
        assert {row["who"] for row in audit} == {"token:some-admin"}

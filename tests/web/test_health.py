"""What probes and Prometheus are told."""

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from openride_stream.clickhouse.client import ClickHouse
from tests.fixtures.store import settings_for
from tests.fixtures.web import Site, StartSite
from web.context import Progress


async def metrics_of(site: Site) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    async with site.client.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        text = await response.text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}


async def test_a_well_worker_is_ready(site: Site) -> None:
    assert await site.get("/health/live") == {"status": "alive"}
    assert await site.get("/health/ready") == {"status": "ready", "reasons": []}
    health = await site.get("/health")
    assert health["worker"] == "test:1"
    assert all(health["checks"].values())


async def test_a_broker_that_does_not_answer_is_not_ready_and_says_why(site: Site) -> None:
    site.runtime.contact.trouble = "Kafka at broker:9092 does not answer"
    assert (await site.get("/health/ready", 503))["reasons"] == ["Kafka at broker:9092 does not answer"]
    health = await site.get("/health", 503)
    assert [check for check, well in health["checks"].items() if not well] == ["broker"]


async def test_a_paused_ingest_is_not_ready_and_says_why(site: Site) -> None:
    site.runtime.sink.available = False
    site.runtime.sink.last_error = "connection refused"
    ready = await site.get("/health/ready", 503)
    assert ready["status"] == "not_ready"
    assert "connection refused" in ready["reasons"][0]
    health = await site.get("/health", 503)
    assert [check for check, well in health["checks"].items() if not well] == ["ingest"]


async def test_a_partition_that_is_paused_for_its_bad_records_is_named(site: Site) -> None:
    site.runtime.paused = ["openride.events.user[3] is paused: 1,000 bad records in a row"]
    assert (await site.get("/health/ready", 503))["reasons"] == site.runtime.paused
    assert not (await site.get("/health", 503))["checks"]["circuit"]
    site.runtime.paused = []
    await site.get("/health/ready")


async def test_partitions_on_the_move_are_not_ready(site: Site) -> None:
    site.group.problem = "partitions are being reassigned"
    assert (await site.get("/health/ready", 503))["reasons"] == ["partitions are being reassigned"]


async def test_a_database_without_its_tables_is_not_ready(start_site: StartSite, clickhouse_url: str) -> None:
    empty = ClickHouse.open(settings_for(clickhouse_url))
    site = await start_site(empty)
    async with site.client.get("/health/ready") as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "openride migrate" in (await response.json())["reasons"][0]
    await empty.close()


async def test_a_worker_that_is_starting_lives_and_is_not_ready(
    start_site: StartSite, bare_site: Site
) -> None:
    site = await start_site(bare_site.runtime.store, running=False)
    assert await site.get("/health/live") == {"status": "alive"}
    assert (await site.get("/health", 503))["worker"] is None
    assert (await site.get("/health/ready", 503))["reasons"] == ["the worker is starting or stopping"]


class CountingStore(ClickHouse):
    """The real store; counts what it is asked."""

    asked = 0

    async def select(self, *args: Any, **given: Any) -> list[dict[str, Any]]:
        self.asked += 1
        return await super().select(*args, **given)


class SilentStore(ClickHouse):
    """A store that takes the question and never answers."""

    async def select(self, *args: Any, **given: Any) -> list[dict[str, Any]]:
        del args, given
        await asyncio.Event().wait()
        return []


async def test_many_probes_ask_the_store_once_a_second(start_site: StartSite, store: ClickHouse) -> None:
    counting = CountingStore(store._session, store._settings)
    site = await start_site(counting)
    await asyncio.gather(*(site.get("/health/ready") for _ in range(20)))
    assert counting.asked == 1
    site.runtime.clock.advance(1)
    await site.get("/health/ready")
    assert counting.asked == 2


async def test_a_store_that_hangs_is_not_waited_for(
    start_site: StartSite, bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.views.health._STORE_TIMEOUT_S", 0.05)
    site = await start_site(SilentStore(bare_site.runtime.store._session, bare_site.settings))
    assert "did not answer within" in (await site.get("/health/ready", 503))["reasons"][0]


async def test_prometheus_reads_lag_and_commit_age_as_of_the_scrape(bare_site: Site) -> None:
    bare_site.group.now = Progress({("t", 0): 7, ("t", 1): 0}, 1.5)
    samples = await metrics_of(bare_site)
    assert samples["openride_consumer_lag_records", (("partition", "0"), ("topic", "t"))] == 7
    assert samples["openride_last_commit_age_seconds", ()] == 1.5
    bare_site.group.now = Progress({("t", 1): 3})
    samples = await metrics_of(bare_site)
    assert ("openride_consumer_lag_records", (("partition", "0"), ("topic", "t"))) not in samples
    assert samples["openride_consumer_lag_records", (("partition", "1"), ("topic", "t"))] == 3


async def test_prometheus_reads_table_sizes_and_no_more_often_than_they_change(
    start_site: StartSite, store: ClickHouse
) -> None:
    counting = CountingStore(store._session, store._settings)
    site = await start_site(counting)
    site.group.now = Progress(live_table_keys={"rides": 7})
    samples = await metrics_of(site)
    asked = counting.asked
    for _ in range(2):
        samples = await metrics_of(site)
    assert counting.asked == asked > 0
    assert samples["openride_table_rows", (("table", "trip_events"),)] == 0
    assert samples["openride_table_bytes", (("table", "trip_events"),)] == 0
    assert samples["openride_live_table_keys", (("table", "rides"),)] == 7


async def test_a_store_that_hangs_does_not_hold_up_prometheus(
    start_site: StartSite, bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.views.prometheus._SIZES_TIMEOUT_S", 0.05)
    site = await start_site(SilentStore(bare_site.runtime.store._session, bare_site.settings))
    assert not [name for name, _ in await metrics_of(site) if name == "openride_table_rows"]


async def test_requests_are_timed_by_declared_route_and_never_by_what_clients_invent(bare_site: Site) -> None:
    await bare_site.get("/health/live")
    await bare_site.get("/invented/by/a/client", 404)
    async with bare_site.client.request("PROPFIND", "/health/live") as response:
        assert response.status == 405
    counted = {
        tuple(value for _, value in labels)
        for name, labels in await metrics_of(bare_site)
        if name == "openride_http_request_duration_seconds_count"
    }
    assert ("GET", "/health/live", "200") in counted
    assert ("GET", "(none)", "404") in counted
    assert {method for method, _, _ in counted} == {"GET", "OTHER"}
    assert "/invented/by/a/client" not in {route for _, route, _ in counted}

"""What is unusual is flagged, what is not is not, and somebody is told of it once."""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr, ValidationError

from openride_stream.clock import rfc3339
from openride_stream.events.accept import accept
from openride_stream.events.example import example
from openride_stream.events.records import RecordBatch
from openride_stream.metadata.engine import Metadata
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tables.anomalies import MINUTE_MS, SERIES, Baseline, Observed, Usual, anomalies, scores
from tables.series import HOUR_MS
from tables.sightings import Sightings, sightings
from tables.state import LiveState
from tables.usual import DAY_MS, usual
from tables.watch import AnomalyWatch, judged
from tests.events.batches import POLICY, FakeRecord
from tests.fixtures.clock import ManualClock
from tests.fixtures.web import Roster, Site, fill
from tests.tables.faults import Way, rates
from tests.tables.test_realtime import seen
from tests.web.test_realtime import holder
from tests.web.test_realtime import worker as alive


def test_faults_are_found_and_little_else() -> None:
    rng = np.random.default_rng(5)
    plain = ("none comes", "twice as many", "four times as many")
    for rate, found in ((50.0, plain), (10.0, plain), (2.0, plain[2:])):
        told = rates(rng, rate, 40)
        for fault in found:
            precision, recall = told[fault]
            assert precision >= 0.95, (rate, fault, told)
            assert recall >= 0.85, (rate, fault, told)


def test_weighted_days_find_faults_as_well_and_follow_a_platform_that_grows() -> None:
    rng = np.random.default_rng(6)
    weighted = Way(0.2)
    for rate in (50.0, 10.0):
        told = rates(rng, rate, 40, weighted)
        for fault in ("none comes", "twice as many", "four times as many"):
            precision, recall = told[fault]
            assert precision >= 0.95, (rate, fault, told)
            assert recall >= 0.85, (rate, fault, told)
    # By 3 % from day to day: the median of four weeks is that of a platform that is no more.
    growing = {weight: rates(rng, 50.0, 40, Way(weight, growth=1.03))["none comes"] for weight in (None, 0.2)}
    assert growing[0.2][1] >= 0.9 > 0.75 > growing[None][1], growing


def test_minutes_that_are_not_read_yet_are_not_judged() -> None:
    now_ms = 1_700_000_000_000 // HOUR_MS * HOUR_MS
    usual_so_far = np.full((8, 200), 40.0)
    baseline = Baseline(now_ms - 100 * MINUTE_MS, 8, dict.fromkeys(SERIES, Usual(usual_so_far, usual_so_far)))
    state = LiveState(6 * HOUR_MS)
    happened = [
        event("payment.failed", now_ms - minute * MINUTE_MS - 1 - place)
        for minute in range(20, 60)
        for place in range(40)
    ]
    state.add(seen_at(happened, now_ms), now_ms)
    settings = Settings(_env_file=None)

    def low(waits_ms: int) -> list[str]:
        found = judged(state, now_ms, baseline, settings, waits_ms)
        return [one.direction for one in found.anomalies if one.series == "payments_failed"]

    assert low(0) == ["low"], "nothing has come for twenty minutes"
    assert low(20 * MINUTE_MS) == [], "but nothing of these was read"
    assert "not read yet" in (judged(state, now_ms, baseline, settings, HOUR_MS).why or "")


def seen_at(events: list[dict[str, Any]], now_ms: int) -> Sightings:
    records = [FakeRecord(orjson.dumps(one), place, now_ms) for place, one in enumerate(events)]
    batch = RecordBatch("openride.events.payment", 0, records)
    return sightings(batch.topic, accept(batch, POLICY, now_ms), now_ms, 6 * HOUR_MS)


def flat(number: float, minutes: int, days: int = 8) -> Baseline:
    numbers = np.full((days, minutes), number)
    return Baseline(0, days, {"revenue": Usual(numbers, numbers)})


def test_one_event_where_there_are_none_is_not_unusual_and_a_burst_is() -> None:
    def flagged(most: float) -> list[tuple[str, int, int]]:
        numbers = np.zeros(20)
        numbers[9] = most
        judged = scores(Observed("revenue", 5 * MINUTE_MS, numbers), flat(0, 30), 5)
        return [
            (one.direction, one.start_ms // MINUTE_MS, one.end_ms // MINUTE_MS)
            for one in anomalies(judged, 5)
        ]

    assert flagged(1) == flagged(4) == []
    assert flagged(5) == [("high", 10, 19)]


def test_what_began_before_the_hour_is_ongoing_and_sides_are_kept_apart() -> None:
    numbers = np.concatenate([np.zeros(12), np.full(12, 100.0), np.full(6, 300.0)])
    found = [*anomalies(scores(Observed("revenue", 5 * MINUTE_MS, numbers), flat(100, 40), 5), 5)]
    assert [(one.direction, one.ongoing) for one in found] == [("low", True), ("high", False)]
    assert found[0].peak.observed == 0
    assert found[0].peak.expected == 500


def test_a_baseline_that_does_not_reach_judges_nothing() -> None:
    assert scores(Observed("revenue", 0, np.zeros(20)), flat(1, 25), 5) == []
    assert scores(Observed("revenue", 5 * MINUTE_MS, np.zeros(3)), flat(1, 25), 5) == []


def event(kind: str, at_ms: int, **fields: Any) -> dict[str, Any]:
    ids = {f"{name}_id": str(uuid.uuid4()) for name in ("booking", "payment", "trip", "event")}
    sample = example(kind)
    return sample | {name: ids[name] for name in ids if name in sample} | {
        "event_id": ids["event_id"], "event_timestamp": rfc3339(at_ms), **fields,
    }  # fmt: skip


async def test_what_is_usual_is_of_distinct_events_at_this_time_on_days_like_this_one(site: Site) -> None:
    now_ms = site.runtime.clock.now_ms()
    days = range(1, 22)
    alike = [day for day in days if _is_weekend(now_ms - day * DAY_MS) == _is_weekend(now_ms)]
    start = event("trip.started", now_ms - alike[0] * DAY_MS - 60_000)
    paid = {"total_price": "4500.00", "currency": "KES"}
    confirmed = [event("booking.confirmed", now_ms - day * DAY_MS, **paid) for day in alike]
    other = event("booking.confirmed", now_ms - alike[0] * DAY_MS, total_price="1.00", currency="NGN")
    failed = [event("payment.failed", now_ms - day * DAY_MS + 5 * MINUTE_MS) for day in days]
    await fill(site, [start, start, *confirmed, other, *failed])
    found = await usual(site.runtime.store, now_ms, "KES", 21)
    assert found.days == len(alike)
    sums = {name: series.sums.sum() for name, series in found.series.items()}
    assert {name: number for name, number in sums.items() if number} == {
        "trips_started": 1,
        "revenue": 4500 * len(alike),
        "payments_failed": len(alike),
    }
    minute = (now_ms - found.start_ms) // MINUTE_MS
    assert found.series["revenue"].sums[:, minute].tolist() == [4500.0] * len(alike)
    assert found.series["revenue"].squares[0, minute] == 4500.0**2
    assert found.series["trips_started"].sums[0, minute - 1] == 1
    few = await usual(site.runtime.store, now_ms - 18 * DAY_MS, "KES", 21)
    assert few.series == {}, "four days have to be known"


def _is_weekend(at_ms: int) -> bool:
    # 1970-01-01 was a Thursday.
    return (at_ms // DAY_MS + 3) % 7 >= 5


@dataclass
class Worker:
    """What the watch needs of a running worker."""

    store: Any
    metadata: Metadata
    worker: str
    clock: ManualClock
    workers: Roster
    metrics: Metrics = field(default_factory=Metrics)


def _itself(worker: Worker) -> Any:
    return worker


@dataclass
class Live:
    """Live tables that a test fills."""

    state: LiveState
    problem: str | None = None

    def trouble(self, now_ms: int) -> str | None:
        del now_ms
        return self.problem


@pytest.fixture
async def inbox() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """An address that takes what is posted to it, after it has failed once."""
    taken: list[dict[str, Any]] = []
    answers = iter([503])

    async def take(request: web.Request) -> web.Response:
        status = next(answers, 200)
        if status == 200:
            taken.append(await request.json())
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/hook", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook")), taken


async def test_somebody_is_told_once_by_whichever_worker_is_first(
    site: Site, metadata: Metadata, inbox: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tables.watch._PAUSE_S", 0.01)
    url, taken = inbox
    clock = site.runtime.clock
    now_ms = clock.now_ms()
    alike = [day for day in range(1, 29) if _is_weekend(now_ms - day * DAY_MS) == _is_weekend(now_ms)]
    await fill(site, [event("payment.failed", now_ms - day * DAY_MS) for day in alike])
    settings = site.settings.model_copy(update={"anomaly_webhook_url": SecretStr(url)})
    live = Live(LiveState(6 * HOUR_MS))
    roster = Roster([alive(site)])
    workers = [Worker(site.runtime.store, metadata, name, clock, roster) for name in ("one:1", "two:2")]
    watches = [AnomalyWatch(settings, worker.metrics, partial(_itself, worker)) for worker in workers]
    await asyncio.gather(*(watch.look(live) for watch in watches))
    assert all(watch.judgement.anomalies == [] for watch in watches)
    burst = [event("payment.failed", now_ms - 20 * MINUTE_MS - place) for place in range(30)]
    live.state.add(seen(burst), now_ms)
    await asyncio.gather(*(watch.look(live) for watch in watches))
    (anomaly,) = watches[0].judgement.anomalies
    assert watches[1].judgement.anomalies == [anomaly]
    assert (anomaly.series, anomaly.direction, anomaly.peak.observed) == ("payments_failed", "high", 30)
    assert [(one["series"], one["observed"]) for one in taken] == [("payments_failed", 30)]
    assert gauge(workers[0]) is not None
    roster.now = [alive(site, lag=5_000)]
    await watches[0].look(live)
    assert watches[0].judgement.why == "360000 records wait to be read and stored"
    assert watches[0].judgement.anomalies == [], "what is not read yet would look low"
    live.problem = "live tables are being read"
    await watches[0].look(live)
    assert watches[0].judgement.why == live.problem
    assert watches[0].judgement.anomalies == [], "what may be incomplete is not judged"
    assert math.isnan(gauge(workers[0]) or 0)


async def test_ends_that_move_are_the_same_anomaly_and_a_later_one_is_another(
    metadata: Metadata,
    clock: ManualClock,
    inbox: tuple[str, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tables.watch._PAUSE_S", 0.01)
    monkeypatch.setattr("tables.watch.usual", _usual_of_a_window)
    url, taken = inbox
    settings = Settings(_env_file=None, anomaly_webhook_url=SecretStr(url))
    live, roster, begin_ms = Live(LiveState(6 * HOUR_MS)), Roster([holder(settings)]), clock.now_ms()
    # The store of each stands for how many events it finds usual in five minutes.
    workers = [Worker(store, metadata, str(store), clock, roster) for store in (1, 0)]
    watches = [AnomalyWatch(settings, worker.metrics, partial(_itself, worker)) for worker in workers]

    async def looked() -> set[int]:
        """How many minutes before the first burst it begins, as each sees it."""
        for watch in watches:
            await watch.look(live)
        starts = [watch.judgement.anomalies[0].start_ms for watch in watches]
        return {(begin_ms // MINUTE_MS) - start_ms // MINUTE_MS for start_ms in starts}

    def happens(minutes_ago: int, count: int) -> None:
        at_ms = clock.now_ms() - minutes_ago * MINUTE_MS
        burst = [event("payment.failed", at_ms - place) for place in range(count)]
        live.state.add(seen_at(burst, clock.now_ms()), clock.now_ms())

    happens(30, 5)
    happens(29, 30)
    assert await looked() == {33, 34}, "five are unusual where none is usual, not where one is"
    assert len(taken) == 1
    happens(34, 5)
    assert await looked() == {34, 38}, "one counts what came late before the burst"
    assert len(taken) == 1
    for minute in range(90):
        clock.advance(60)
        if minute == 20:
            happens(3, 30)
        for watch in watches:
            await watch.look(live)
    assert [one["start"] for one in taken] == [
        rfc3339((begin_ms // MINUTE_MS - 33) * MINUTE_MS),
        rfc3339((begin_ms // MINUTE_MS + 21 - 3 - 4) * MINUTE_MS),
    ]


async def _usual_of_a_window(store: int, now_ms: int, _currency: str, _days: int) -> Baseline:
    sums = np.full((8, 160), store / 5)
    start_ms = (now_ms // MINUTE_MS - 100) * MINUTE_MS
    return Baseline(start_ms, 8, dict.fromkeys(SERIES, Usual(sums, np.zeros_like(sums))))


async def test_one_that_lasts_for_hours_is_told_when_it_begins(
    metadata: Metadata,
    clock: ManualClock,
    inbox: tuple[str, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tables.watch._PAUSE_S", 0.01)
    monkeypatch.setattr("tables.watch.usual", _usual_of_a_window)
    url, taken = inbox
    settings = Settings(_env_file=None, anomaly_webhook_url=SecretStr(url))
    live = Live(LiveState(6 * HOUR_MS))
    worker = Worker(0, metadata, "one:1", clock, Roster([holder(settings)]))
    watch = AnomalyWatch(settings, worker.metrics, partial(_itself, worker))
    begun = []
    for minute in range(130):
        if minute != 60:
            live.state.add(seen_at([event("payment.failed", clock.now_ms())], clock.now_ms()), clock.now_ms())
        await watch.look(live)
        begun.append([one.ongoing for one in watch.judgement.anomalies])
        clock.advance(60)
    assert begun[80] == [True, False], "the quiet minute cuts it"
    assert [False] in begun[90:], "and is the first of the hour, once"
    assert len(taken) == 1


def gauge(worker: Worker) -> float | None:
    series = {"series": "payments_failed"}
    return worker.metrics.registry.get_sample_value("openride_anomaly_deviations", series)


def test_an_address_that_is_none_is_refused_by_the_setting_that_names_it() -> None:
    with pytest.raises(ValidationError, match="anomaly_webhook_url") as caught:
        Settings(_env_file=None, anomaly_webhook_url=SecretStr("hooks.example.org/secret"))
    assert "example" not in str(caught.value)

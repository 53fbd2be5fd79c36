"""What is said beside an answer: places that nobody knows, windows and buckets that are open, a backlog."""

from typing import Any

import pytest

from openride_stream.api.notes import HEADER, MEANINGS, Note, as_header, from_header
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.queries import places
from openride_stream.clickhouse.queries.question import Question
from openride_stream.errors import StoreLimit, StoreRefused, StoreUnavailable
from tests.fixtures.web import Site, fill
from tests.web.test_metrics import RANGE, TEN_MS, event, iso
from tests.web.test_realtime import worker
from web.context import Progress
from web.notes import partial_buckets

HOUR_MS = 3_600_000
MIDNIGHT_MS = TEN_MS // DAY_MS * DAY_MS


async def notes(site: Site, path: str, **parameters: str) -> dict[str, str]:
    """Details by kind, of an answer that must be one."""
    async with site.client.get(f"/v1/{path}", params=parameters) as response:
        assert response.status == 200, await response.text()
        found = from_header(response.headers.get(HEADER))
    assert {note.kind for note in found} <= MEANINGS.keys()
    return {note.kind: note.detail for note in found}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"city": "manhatan"}, "the city 'manhatan' (known: 'Manhattan')"),
        ({"city": "São Paulo\r\nX: 1"}, r"the city 'São Paulo\r\nX: 1' (known: 'Lekki', 'Manhattan')"),
        ({"city": "Manhattan", "state": "NX"}, "the state 'NX' (known: 'LA', 'NY')"),
        ({"city": "Lekki", "state": "NY"}, "its states are: 'LA'"),
    ],
)
async def test_a_place_that_nobody_knows_is_said(site: Site, place: dict[str, str], said: str) -> None:
    await fill(
        site,
        [
            event("trip.started", city="Manhattan", state="NY"),
            event("route.created", city=None, state=None, origin_city="Lekki", origin_state="LA"),
        ],
    )
    # Nothing is built yet: only routes are known by name.
    await site.runtime.store.execute(
        f"INSERT INTO {site.runtime.store.database}.hourly_activity "
        "(day, generation, hour, source, event_type, city, state, events) "
        "VALUES (today(), 1, now(), 'trip_events', 'x', 'Manhattan', 'NY', 1)"
    )
    for path in ("metrics/trips", "analytics/funnel", "analytics/trends"):
        assert said in (await notes(site, path, **RANGE, **place))["unknown-place"]


async def test_names_of_any_length_leave_the_header_short_enough_for_proxies(site: Site) -> None:
    endless = [event("route.created", origin_city=letter * 30_000, origin_state="LA") for letter in "ab"]
    await fill(site, [*endless, event("route.created", city=None, state=None, origin_city="Lekki")])
    for place in ({"city": "é" * 1200, "state": "\x00" * 60}, {"city": "a"}, {"city": "a" * 7000}):
        async with site.client.get("/v1/metrics/trips", params=RANGE | place) as response:
            assert response.status == 200
            assert len(response.headers[HEADER]) < 1000
            (note,) = from_header(response.headers[HEADER])
        assert note.kind == "unknown-place"
    assert "'Lekki'" in (await notes(site, "metrics/trips", **RANGE, city="Leki"))["unknown-place"]


async def test_a_currency_that_nothing_was_paid_in_is_said(site: Site) -> None:
    store = site.runtime.store
    assert "unknown-currency" not in await notes(site, "metrics/payments", **RANGE, currency="KES")
    await store.execute(
        f"INSERT INTO {store.database}.daily_bookings (day, generation, currency) VALUES (today(), 1, 'NGN')"
    )
    site.runtime.clock.advance(61)
    said = (await notes(site, "metrics/payments", **RANGE, currency="KES"))["unknown-currency"]
    assert said == "no event so far has an amount in KES (known: NGN)"
    assert "unknown-currency" not in await notes(site, "metrics/payments", **RANGE)
    await fill(site, [event("payment.success", currency="KES")])
    site.runtime.clock.advance(6)
    assert "unknown-currency" not in await notes(site, "metrics/payments", **RANGE, currency="KES")


@pytest.mark.parametrize(
    "failure", [StoreUnavailable("away"), StoreLimit("too slow", "time"), StoreRefused("Code: 60", 60)]
)
async def test_an_answer_that_is_computed_is_given_though_its_notes_cannot_be_looked_up(
    site: Site, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    async def fails(*_: Any) -> Any:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr("web.place_notes.places", fails)
        patch.setattr("web.currency_notes.currencies", fails)
        async with site.client.get("/v1/metrics/trips", params=RANGE | {"city": "Kano"}) as response:
            assert response.status == 200
            assert (await response.json())["trips_started"] == 0
            told = from_header(response.headers[HEADER])
    assert [note.kind for note in told] == ["notes-missing"] * 2
    assert told[0].detail == "whether the place is known could not be looked up"
    assert "unknown-place" in await notes(site, "metrics/trips", **RANGE, city="Kano"), "and later it can"


async def test_a_place_of_todays_events_is_known(site: Site) -> None:
    await fill(site, [event("user.activity", city="Kano", state="KN")])
    for place in ({"city": "Kano"}, {"state": "KN"}, {"city": "Kano", "state": "KN"}, {}):
        assert "unknown-place" not in await notes(site, "metrics/bookings", **RANGE, **place)


async def test_a_place_that_nobody_knows_is_looked_for_once_and_again_when_there_are_more_events(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for: list[str | None] = []

    async def occurs(store: ClickHouse, city: str | None, state: str | None) -> bool:
        looked_for.append(city)
        return await places.occurs(store, city, state)

    monkeypatch.setattr("web.place_notes.occurs", occurs)
    for _ in range(3):
        for path in ("metrics/trips", "metrics/bookings"):
            assert "'Kano'" in (await notes(site, path, **RANGE, city="Kano"))["unknown-place"]
    assert looked_for == ["Kano"]
    await fill(site, [event("user.activity", city="Kano")])
    assert "unknown-place" not in await notes(site, "metrics/trips", **RANGE, city="Kano")


async def test_a_funnel_says_while_its_windows_are_open(site: Site) -> None:
    span = {"start_date": iso(TEN_MS - 40 * DAY_MS), "end_date": iso(TEN_MS - 8 * DAY_MS)}
    opened = iso(site.runtime.clock.now_ms() // 1000 * 1000 - 30 * DAY_MS)[:16]
    assert f"registered after {opened}" in (await notes(site, "analytics/funnel", **span))["open-window"]
    assert await notes(site, "analytics/funnel", **span, window_days="5") == {}


async def test_retention_says_which_days_have_not_ended_for_all(site: Site) -> None:
    today_ms = site.runtime.clock.now_ms() // DAY_MS * DAY_MS
    span = {"start_date": iso(today_ms - 20 * DAY_MS), "end_date": iso(today_ms - 3 * DAY_MS)}
    assert (await notes(site, "analytics/retention", **span))["open-window"] == (
        "days that have not ended do not count: "
        f"d7 counts registrations before {day(today_ms - 7 * DAY_MS)}; "
        f"d30 counts registrations before {day(today_ms - 30 * DAY_MS)}"
    )
    old = {"start_date": iso(today_ms - 50 * DAY_MS), "end_date": iso(today_ms - 30 * DAY_MS)}
    assert await notes(site, "analytics/retention", **old) == {}


def day(ms: int) -> str:
    return iso(ms).replace("Z", ".000Z")


def test_buckets_that_are_cut_or_not_over_are_named() -> None:
    def told(start_ms: int, end_ms: int, now_ms: int = MIDNIGHT_MS + 9 * DAY_MS, **more: Any) -> list[str]:
        question = Question(start_ms, end_ms, "NGN", granularity=more.get("granularity", "daily"))
        return [note.detail for note in partial_buckets(question, now_ms)]

    assert told(MIDNIGHT_MS, MIDNIGHT_MS + 2 * DAY_MS) == []
    assert told(MIDNIGHT_MS + 1, MIDNIGHT_MS + DAY_MS, granularity=None) == []
    both = told(MIDNIGHT_MS + HOUR_MS, MIDNIGHT_MS + DAY_MS + 2 * HOUR_MS)
    assert both == [
        "of these buckets a part counts: "
        f"the one of {day(MIDNIGHT_MS)} from {day(MIDNIGHT_MS + HOUR_MS)} on; "
        f"the one of {day(MIDNIGHT_MS + DAY_MS)} up to {day(MIDNIGHT_MS + DAY_MS + 2 * HOUR_MS)}"
    ]
    now_ms = MIDNIGHT_MS + DAY_MS + HOUR_MS
    (open_,) = told(MIDNIGHT_MS, MIDNIGHT_MS + 5 * DAY_MS, now_ms)
    assert open_.endswith(f"the one of {day(MIDNIGHT_MS + DAY_MS)} up to {day(now_ms)}")
    assert told(MIDNIGHT_MS + HOUR_MS, MIDNIGHT_MS + 2 * HOUR_MS, granularity="hourly") == []


async def test_a_series_says_so_over_http(site: Site) -> None:
    assert "partial-bucket" in await notes(site, "metrics/bookings", granularity="daily")
    assert "partial-bucket" in await notes(site, "analytics/trends")
    assert await notes(site, "metrics/bookings") == {}


async def test_while_much_waits_to_be_stored_every_figure_says_so(site: Site) -> None:
    site.runtime.workers.now = [worker(site, lag=200)]
    assert await notes(site, "metrics/trips", **RANGE) == {}
    site.group.now = Progress({("openride.events.trip", 0): 4_000})
    waiting = await notes(site, "metrics/trips", **RANGE)
    lag = 200 * 9 * site.settings.topic_partitions
    assert waiting["records-waiting"].startswith(f"{lag} records wait to be read and stored")
    # It is not part of what is cached, nor of what an ETag stands for.
    site.group.now = Progress()
    assert await notes(site, "metrics/trips", **RANGE) == {}


def test_what_a_header_says_is_read_or_left_out() -> None:
    told = (Note(kind="unknown-place", detail="São Paulo\r\n\x00"),)
    assert from_header(as_header(told)) == told
    assert as_header(told).isascii()
    assert "\r" not in as_header(told)
    endless = as_header([Note(kind=kind, detail="🚗é\x00" * 99_999) for kind in MEANINGS])
    assert len(endless) < 4000
    assert [note.kind for note in from_header(endless)] == list(MEANINGS)
    newer = '[{"kind": "of-the-future", "detail": "d", "more": 1}]'
    assert from_header(newer) == (Note(kind="of-the-future", detail="d"),)
    assert from_header(None) == from_header("?") == from_header("[7]") == ()

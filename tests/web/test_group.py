"""What views are told about the consumer group, at every moment of a worker's life."""

from collections.abc import Iterator
from typing import Any

import pytest
from faust.types import TP

from openride_stream.app import OpenRideApp, create_app
from openride_stream.membership import Membership
from openride_stream.settings import Settings
from tables.live import LiveTables
from tests.fixtures.clock import ManualClock
from web.context import Progress
from web.group import FaustGroup

TRIPS, OTHER = "openride.events.trip", "some-changelog"


@pytest.fixture
def app(tmp_path: Any) -> OpenRideApp:
    """An app that was never started."""
    return create_app(Settings(_env_file=None, pii_key="k", data_dir=tmp_path))


@pytest.fixture
def consumer(app: OpenRideApp) -> Iterator[Any]:
    """Its consumer, whose thread never runs but has made an event loop."""
    settle(app)
    yield app.consumer
    app.consumer._thread.thread_loop.close()


def settle(app: OpenRideApp) -> None:
    app.rebalancing_count, app.rebalancing = 1, False


async def test_an_app_that_never_joined_is_not_settled(app: OpenRideApp) -> None:
    group = FaustGroup(app, LiveTables(app.settings))
    assert "not joined" in str(group.trouble())
    assert group.progress() == Progress()


async def test_a_rebalance_unsettles_until_it_is_over(app: OpenRideApp) -> None:
    group = FaustGroup(app, LiveTables(app.settings))
    app.rebalancing_count, app.rebalancing = 1, True
    assert "reassigned" in str(group.trouble())
    settle(app)
    assert group.trouble() is None


async def test_a_short_rebalance_of_a_worker_that_was_settled_leaves_it_ready(
    app: OpenRideApp, clock: ManualClock
) -> None:
    app.membership = Membership(clock)
    group = FaustGroup(app, LiveTables(app.settings))
    assert "not joined" in str(group.unready())
    app.rebalancing_count, app.rebalancing = 1, True
    app.membership.unsettled()
    assert "reassigned" in str(group.unready()), "its first partitions are still to come"
    settle(app)
    app.membership.settled()
    assert group.unready() is None
    app.rebalancing = True
    app.membership.unsettled()
    assert (group.unready(), group.trouble()) == (None, "partitions are being reassigned")
    clock.advance(app.settings.broker_session_timeout_s)
    assert "reassigned" in str(group.unready())


async def test_lag_is_log_end_less_committed_of_what_is_ours(
    app: OpenRideApp, consumer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {TP(TRIPS, 0): 10, TP(TRIPS, 1): 4, TP(TRIPS, 2): None, TP(TRIPS, 3): 7, TP(OTHER, 0): 9}
    monkeypatch.setattr(consumer, "assignment", lambda: set(ends))
    monkeypatch.setattr(consumer, "highwater", ends.get)
    consumer._committed_offset.update({TP(TRIPS, 0): 8, TP(TRIPS, 1): 5})
    # Never fetched: unknown. Never committed: the whole log. No batch topic: not ours to report.
    progress = FaustGroup(app, LiveTables(app.settings)).progress()
    assert progress.lag_records == {
        (TRIPS, 0): 2,
        (TRIPS, 1): 0,
        (TRIPS, 3): 7,
    }


async def test_the_age_of_the_last_commit_is_unknown_before_the_first(
    app: OpenRideApp, consumer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "assignment", set)

    async def commit(offsets: Any) -> bool:
        return bool(offsets)

    monkeypatch.setattr(consumer._thread, "commit", commit)
    group = FaustGroup(app, LiveTables(app.settings))
    assert group.progress().last_commit_age_s is None
    await consumer._commit({})
    assert group.progress().last_commit_age_s is None
    await consumer._commit({TP(TRIPS, 0): 1})
    age_s = group.progress().last_commit_age_s
    assert age_s is not None
    assert age_s >= 0

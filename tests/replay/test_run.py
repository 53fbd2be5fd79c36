import asyncio

from openride_stream.replay.clockwork import AtOnce, Live
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.recordlog import RecordLog
from openride_stream.replay.run import CHECKPOINT_EVERY_S, Outlet, Replay
from tests.fixtures.clock import ManualClock


class Steps:
    """A meter that moves the clock at every chunk, and can stop the replay."""

    def __init__(self, clock: ManualClock, seconds: float = 0.0) -> None:
        self.clock = clock
        self.seconds = seconds
        self.shown: list[int] = []
        self.stop = asyncio.Event()
        self.stop_at: int | None = None

    def show(self, sent: int, at_ms: int) -> None:
        self.shown.append(sent)
        self.clock.advance(self.seconds)
        if self.stop_at is not None and sent >= self.stop_at:
            self.stop.set()


def some(count: int, first_ms: int = 0) -> list[Parcel]:
    return [Parcel(first_ms + n, "openride.events.user", b"k", b"{}", str(n)) for n in range(count)]


async def test_counts_what_it_sent(clock: ManualClock) -> None:
    meter = Steps(clock)
    replay = Replay(Outlet(None, RecordLog(None), meter.stop), clock, meter)
    bad = Parcel(1200, "openride.events.user", None, None, None, bad="MalformedJson")
    again = Parcel(1200, "openride.events.user", None, b"{}", "1", duplicate_of="1")
    await replay.run([*some(1200), bad, again], AtOnce())
    totals = replay.totals
    assert (totals.records, totals.bad, totals.duplicates, totals.at_ms) == (1202, 1, 1, 1200)
    assert meter.shown[-1] == 1202


async def test_a_stop_ends_it_between_two_records(clock: ManualClock) -> None:
    meter = Steps(clock)
    meter.stop_at = 500
    replay = Replay(Outlet(None, RecordLog(None), meter.stop), clock, meter)
    await replay.run(some(5000), AtOnce())
    assert replay.totals.records == 500


async def test_a_cap_ends_it(clock: ManualClock) -> None:
    meter = Steps(clock)
    replay = Replay(Outlet(None, RecordLog(None), meter.stop), clock, meter, max_records=1000)
    await replay.run(some(5000), AtOnce())
    assert replay.totals.records == 1000


async def test_a_stop_interrupts_the_wait_for_a_record_that_is_not_due(clock: ManualClock) -> None:
    meter = Steps(clock)
    meter.stop_at = 10
    replay = Replay(Outlet(None, RecordLog(None), meter.stop), clock, meter)
    due = some(10, clock.ms - 100)
    await replay.run([*due, *some(1, clock.ms + 3_600_000)], Live(clock))
    assert replay.totals.records == 10


async def test_checkpoints_name_a_time_that_everything_before_was_sent(clock: ManualClock) -> None:
    checked: list[int] = []
    meter = Steps(clock, CHECKPOINT_EVERY_S / 2)
    replay = Replay(Outlet(None, RecordLog(None), meter.stop), clock, meter, checkpoint=checked.append)
    await replay.run(some(2500), AtOnce())
    assert checked == [999, 1999]

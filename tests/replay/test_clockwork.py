from openride_stream.replay.clockwork import AtOnce, Live, TimesRealTime
from tests.fixtures.clock import ManualClock


def test_event_time_passes_as_many_times_as_fast_as_asked(clock: ManualClock) -> None:
    pace = TimesRealTime(60.0, clock)
    assert pace.wait_s(1_000) == 0
    assert pace.wait_s(61_000) == 1
    clock.advance(0.75)
    assert pace.wait_s(61_000) == 0.25
    assert pace.wait_s(31_000) < 0


def test_live_records_are_never_ahead_of_the_clock(clock: ManualClock) -> None:
    pace = Live(clock)
    assert pace.wait_s(clock.ms + 500) == 0.5
    clock.advance(0.5)
    assert pace.wait_s(clock.ms) <= 0
    assert AtOnce().wait_s(clock.ms * 2) == 0

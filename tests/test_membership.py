"""A rebalance is passing for a time, and only for a worker that had its partitions before."""

from openride_stream.membership import Membership
from tests.fixtures.clock import ManualClock


def test_a_worker_that_never_had_partitions_is_not_excused(clock: ManualClock) -> None:
    membership = Membership(clock)
    assert not membership.is_passing(30)
    membership.unsettled()
    assert not membership.is_passing(30)


def test_a_rebalance_is_passing_until_it_takes_too_long(clock: ManualClock) -> None:
    membership = Membership(clock)
    membership.unsettled()
    membership.settled()
    assert not membership.is_passing(30), "nothing passes while nothing happens"
    clock.advance(600)
    membership.unsettled()
    clock.advance(29)
    membership.unsettled()  # another one in the middle of it begins no time anew
    assert membership.is_passing(30)
    clock.advance(1)
    assert not membership.is_passing(30)
    membership.settled()
    membership.unsettled()
    assert membership.is_passing(30)

"""What may be committed: the contiguous acked prefix of what was handed out, and nothing else."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from openride_stream.transport.ledger import LOOKED_FOR_S, Ledger

A = TP("openride.events.trip", 0)
B = TP("openride.events.trip", 1)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.reset(A, 0)
    return ledger


def test_nothing_is_committable_before_the_first_batch_is_acked(ledger: Ledger) -> None:
    ledger.hand_out(A, 0, 99)
    assert ledger.committable(A) is None


def test_offsets_inside_a_batch_never_count_before_the_batch_does(ledger: Ledger) -> None:
    first, second = ledger.hand_out(A, 0, 99), ledger.hand_out(A, 100, 199)
    ledger.ack(second)
    assert ledger.committable(A) is None
    ledger.ack(first)
    assert ledger.committable(A) == 200


def test_partitions_do_not_wait_for_each_other(ledger: Ledger) -> None:
    ledger.hand_out(A, 0, 99)
    ledger.ack(ledger.hand_out(B, 40, 49))
    assert (ledger.committable(A), ledger.committable(B)) == (None, 50)


def test_an_ack_from_before_a_rebalance_counts_for_nothing(ledger: Ledger) -> None:
    stale = ledger.hand_out(A, 0, 99)
    ledger.reset(A, 0)
    fresh = ledger.hand_out(A, 0, 49)
    assert not ledger.ack(stale)
    assert ledger.committable(A) is None
    assert ledger.ack(fresh)
    assert ledger.committable(A) == 50


def test_an_ack_for_a_lost_partition_counts_for_nothing(ledger: Ledger) -> None:
    handout = ledger.hand_out(A, 0, 99)
    ledger.forget(A)
    assert not ledger.ack(handout)
    assert ledger.partitions() == []


def test_a_second_ack_changes_nothing(ledger: Ledger) -> None:
    handout = ledger.hand_out(A, 0, 99)
    assert ledger.ack(handout)
    assert not ledger.ack(handout)


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


def test_a_gap_is_read_again_once_and_believed_the_second_time(ledger: Ledger) -> None:
    assert ledger.following(A, 0, records(500, 501), wary=False) == 0
    assert ledger.following(A, 0, records(500, 501), wary=False) == 2
    assert ledger.following(A, 510, records(520), wary=False) == 0


def test_gaps_within_what_was_read_are_the_brokers_business(ledger: Ledger) -> None:
    assert ledger.following(A, 0, records(0, 1, 5), wary=False) == 3


def test_a_wary_reader_looks_for_some_time_and_more_than_once() -> None:
    now_s = 100.0
    ledger = Ledger(lambda: now_s)
    late = records(0, 1, 3, 4, 8)
    assert ledger.following(A, 0, late, wary=True) == 2
    assert [ledger.following(A, 2, records(3, 4, 8), wary=True) for _ in range(9)] == [0] * 9
    now_s += LOOKED_FOR_S
    # Now there is nothing at 2; of what is missing behind it nothing was said.
    assert ledger.following(A, 2, records(3, 4, 8), wary=True) == 2
    now_s += LOOKED_FOR_S
    assert ledger.following(A, 5, records(8), wary=True) == 0, "it was looked for twice"
    assert ledger.following(A, 5, records(7, 8), wary=True) == 0, "another has come"
    assert ledger.following(A, 5, records(5, 6, 7, 8), wary=True) == 4


@pytest.mark.parametrize("wary", [False, True])
def test_records_that_follow_on_or_overlap_are_no_gap(ledger: Ledger, wary: bool) -> None:
    assert ledger.following(A, 10, records(10, 11), wary=wary) == 2
    assert ledger.following(A, 10, records(4, 5, 6), wary=wary) == 3


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=30), seed=st.integers())
def test_whatever_the_order_of_acks_only_the_done_prefix_is_committable(sizes: list[int], seed: int) -> None:
    ledger = Ledger()
    ledger.reset(A, 0)
    handouts, offset = [], 0
    for size in sizes:
        handouts.append(ledger.hand_out(A, offset, offset + size - 1))
        offset += size
    done: set[int] = set()
    order = list(range(len(handouts)))
    random.Random(seed).shuffle(order)
    for index in order:
        ledger.ack(handouts[index])
        done.add(index)
        prefix = 0
        while prefix in done:
            prefix += 1
        assert ledger.committable(A) == (handouts[prefix - 1].last + 1 if prefix else None)
    assert ledger.outstanding(A) == 0

"""What a worker says of its partitions: since when, and how fast."""

from openride_stream.holdings import Holdings, Place
from openride_stream.stall import Partition

A: Partition = ("openride.events.trip", 0)
B: Partition = ("openride.events.user", 1)


def test_a_partition_is_held_since_the_first_look_that_saw_it() -> None:
    holdings = Holdings()
    holdings.look({A: Place(None, None)}, now_ms=1_000, now_s=1)
    found = holdings.look({B: Place(0, 5), A: Place(0, None)}, now_ms=2_000, now_s=2)
    assert [(held.topic, held.since_ms, held.lag) for held in found] == [
        (A[0], 1_000, None),
        (B[0], 2_000, 5),
    ]


def test_a_partition_that_went_and_came_back_begins_anew() -> None:
    holdings = Holdings()
    holdings.look({A: Place(10, 0)}, now_ms=1_000, now_s=1)
    assert holdings.look({}, now_ms=2_000, now_s=2) == []
    (held,) = holdings.look({A: Place(90, 0)}, now_ms=3_000, now_s=3)
    assert (held.since_ms, held.records_per_s) == (3_000, 0.0)


def test_the_rate_is_of_durable_records_and_fades_when_none_come() -> None:
    holdings = Holdings()
    rates = []
    for second in range(40):
        durable = min(second, 20) * 100
        (held,) = holdings.look({A: Place(durable, 0)}, now_ms=second * 1_000, now_s=second)
        rates.append(held.records_per_s)
    assert rates[0] == 0
    assert rates[1:21] == [100.0] * 20
    assert 0 < rates[25] < 100
    assert rates[31:] == [0.0] * 9


def test_an_offset_that_goes_back_is_no_negative_rate() -> None:
    holdings = Holdings()
    for second, durable in enumerate((500, 600, 100, None, 150, 250)):
        (held,) = holdings.look({A: Place(durable, 0)}, now_ms=second, now_s=second)
        assert held.records_per_s >= 0
    assert held.records_per_s == 100


def test_what_was_taken_over_is_behind_until_it_is_read_to_where_it_ended_then() -> None:
    holdings = Holdings()

    def behind(place: Place) -> bool:
        holdings.look({A: place, B: Place(5, 0, 5)}, now_ms=1, now_s=1)
        return holdings.behind

    # 40 records wait at the take-over, and more come in all the time: the lag never is 0.
    stages = [Place(None, None), Place(None, 40, 140), Place(100, 90, 190), Place(139, 90, 229)]
    assert [behind(place) for place in stages] == [True] * 4
    assert not behind(Place(140, 90, 230))
    assert not behind(Place(150, 500, 650)), "what came later is lag, and nothing that was taken over"
    holdings.unsettled()
    assert holdings.behind
    assert behind(Place(150, 500, 650))
    assert not behind(Place(650, 20, 670))
    assert holdings.look({}, now_ms=2, now_s=2) == []
    assert not holdings.behind, "nothing is held"

"""The circuit: an accident is a dead letter, a mistake is a pause."""

from collections.abc import Iterator
from typing import Any

import pytest

from openride_stream.circuit import Circuit, CircuitPolicy, Trip
from openride_stream.events.records import RecordBatch
from openride_stream.events.rejects import Reject, RejectClass
from openride_stream.settings import Settings
from tests.events.batches import FakeRecord

TOPIC = "openride.events.trip"
DEFAULTS = CircuitPolicy.from_settings(Settings(_env_file=None))


class Partition:
    """Feeds a circuit with records of one partition: `.` is good, `x` bad, `l` too late, `r` redriven."""

    def __init__(self, circuit: Circuit, number: int = 0) -> None:
        self.circuit = circuit
        self.number = number
        self.offset = 0

    def feed(self, marks: str) -> Trip | None:
        records = [
            FakeRecord(b"{}", self.offset + place, 0, headers=[("dlq.attempts", b"1")] if mark == "r" else [])
            for place, mark in enumerate(marks)
        ]
        errors = {"x": RejectClass.INVALID_FIELD, "r": RejectClass.INVALID_FIELD, "l": RejectClass.TOO_LATE}
        rejects = [
            Reject(record, errors[mark].value, "trip_id: Field required")
            for record, mark in zip(records, marks, strict=True)
            if mark in errors
        ]
        trip = self.circuit.judge(RecordBatch(TOPIC, self.number, records), rejects)
        if trip is None:
            self.offset += len(marks)
        return trip


def partition(consecutive: int = 5, ratio: float = 0.5, window: int = 0) -> Partition:
    return Partition(Circuit(CircuitPolicy(consecutive, ratio, window)))


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.49])
def test_a_share_of_bad_records_never_opens_the_usual_circuit(share: float) -> None:
    fed = Partition(Circuit(DEFAULTS))
    bad = round(1000 * share)
    for _ in range(20):
        assert fed.feed("x" * bad + "." * (1000 - bad)) is None


def test_one_bad_record_opens_nothing_however_it_comes() -> None:
    fed = Partition(Circuit(DEFAULTS))
    assert fed.feed("x") is None
    assert fed.feed("x." * 400) is None


def test_a_whole_topic_of_bad_records_opens_it_at_once() -> None:
    trip = Partition(Circuit(DEFAULTS)).feed("x" * 5000)
    assert trip is not None
    assert (
        trip.reason
        == "5,000 bad records in a row; last: InvalidField (trip_id: Field required) at offset 4999"
    )


def test_it_counts_in_a_row_over_batches_and_begins_anew_after_a_good_one() -> None:
    fed = partition()
    assert fed.feed("xxxx.") is None
    assert fed.feed(".xxxx") is None
    assert fed.feed("x") is not None


def test_what_opened_it_opens_it_again_as_long_as_nothing_is_accepted() -> None:
    fed = partition()
    assert fed.feed("xxxx") is None
    assert fed.feed("x.....") is not None
    assert fed.feed("x.....") is not None


def test_what_is_read_again_after_a_rebalance_is_not_counted_again() -> None:
    fed = partition()
    for _ in range(20):
        fed.offset = 10
        assert fed.feed("..xxx") is None
    assert fed.feed("x.xxx") is None
    fed.offset = 15
    assert fed.feed("x.xxxx") is None, "four in a row, three of them known"
    assert fed.feed("x") is not None


def test_nothing_is_remembered_of_a_topic_that_was_made_again() -> None:
    fed = partition()
    assert fed.feed("....xxxx") is None
    fed.circuit.accept(TOPIC, 0, 1_000)
    fed.offset = 0
    assert fed.feed("xxxx") is None
    assert fed.feed("x") is not None


def test_accepted_records_do_not_count_and_those_behind_them_do() -> None:
    fed = partition()
    assert fed.feed("x" * 9) is not None
    fed.circuit.accept(TOPIC, 0, 9)
    assert fed.feed("x" * 9) is None
    assert fed.feed("xxxx") is None
    assert fed.feed("x") is not None


def test_few_bad_records_cost_no_look_at_all_the_others() -> None:
    """A record is made when it is looked at."""

    class Looks(list[FakeRecord]):
        count = 0

        def __getitem__(self, place: Any) -> Any:
            self.count += 1
            return super().__getitem__(place)

        def __iter__(self) -> Iterator[FakeRecord]:
            self.count += len(self)
            return super().__iter__()

    records = Looks(FakeRecord(b"{}", 7 + 2 * place, 0) for place in range(5_000))
    bad = [records[place] for place in (0, 1, 2, 2_000, 4_998, 4_999)]
    records.count = 0
    circuit = Circuit(CircuitPolicy(4, 0.5, 0))
    rejects = [Reject(record, RejectClass.INVALID_FIELD.value, "") for record in bad]
    assert circuit.judge(RecordBatch(TOPIC, 0, records), rejects) is None
    assert records.count < 200
    following = [FakeRecord(b"{}", 20_000 + place, 0) for place in range(2)]
    rejects = [Reject(record, RejectClass.INVALID_FIELD.value, "") for record in following]
    trip = circuit.judge(RecordBatch(TOPIC, 0, following), rejects)
    assert trip is not None
    assert trip.reason.startswith("4 bad records in a row")


def test_half_of_many_records_opens_it_and_half_of_few_does_not() -> None:
    fed = partition(consecutive=1000, window=20)
    assert fed.feed("x." * 5) is None
    assert fed.feed("x." * 4) is None
    trip = fed.feed("x.")
    assert trip is not None
    assert trip.reason.startswith("10 of the last 20 records are bad")


def test_the_share_is_one_of_the_last_records_not_of_all_time() -> None:
    fed = partition(consecutive=1000, window=20)
    assert fed.feed("." * 500) is None
    assert fed.feed("." * 20) is None
    opened = [fed.feed("xx.") is not None for _ in range(20)]
    assert any(opened)
    assert opened.index(True) < 15


def test_late_and_redriven_records_are_nobodys_mistake() -> None:
    fed = partition(window=10)
    assert fed.feed("l" * 50) is None
    assert fed.feed("r" * 50) is None
    assert fed.feed("xxxx") is None
    assert fed.feed("lrlr") is None
    assert fed.feed("x") is not None


def test_partitions_are_counted_apart() -> None:
    circuit = Circuit(CircuitPolicy(5, 0.5, 0))
    for number in range(4):
        assert Partition(circuit, number).feed("xxxx") is None


def test_zero_turns_a_limit_off() -> None:
    fed = partition(consecutive=0, window=0)
    assert fed.feed("x" * 10_000) is None

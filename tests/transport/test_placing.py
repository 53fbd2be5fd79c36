"""Records that are found where they stand are those that aiokafka makes, whatever the bytes."""

import struct
from contextlib import suppress

import pytest
from aiokafka.record.util import encode_varint
from hypothesis import given, settings
from hypothesis import strategies as st

from openride_stream.transport import placing
from openride_stream.transport.placing import Run, placed
from tests.transport.wire import batch, by_aiokafka, plain

CONTROL, APPEND_TIME = 0x20, 0x08
NOW_MS = 1_790_000_000_000

_bytes = st.none() | st.binary(max_size=300)
_headers = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=2)
_records = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 2**41), _bytes, _bytes, _headers), min_size=1, max_size=8
)


@pytest.fixture(autouse=True, scope="module")
def _loaded() -> None:
    placing.load()


@st.composite
def fetches(draw: st.DrawFn) -> tuple[bytes, int]:
    """Batches with gaps between them and between their records, and where reading begins."""
    built, base = b"", draw(st.integers(0, 2**40))
    # A broker begins with the batch that holds what was asked for.
    begin = -1
    for records in draw(st.lists(_records, min_size=1, max_size=3)):
        offset, sent = 0, []
        for gap, *rest in records:
            sent.append((offset + gap, *rest))
            offset += gap + 1
        flags = draw(st.sampled_from([0, 0, 0, CONTROL, APPEND_TIME]))
        built += batch(sent, base, draw(st.sampled_from([0, 0, 1, 2, 3, 4])), flags)
        begin = base + draw(st.integers(0, offset - 1)) if begin < 0 else begin
        base += offset + draw(st.integers(0, 3))
    return built, begin


_odd = st.sampled_from([-1, -2, 64, 2**31, -(2**31), 2**62, -(2**62), 2**63 - 1, -(2**63)])


def varint(number: int) -> bytes:
    encoded = bytearray()
    encode_varint(number, encoded.append)
    return bytes(encoded)


@st.composite
def batches(draw: st.DrawFn) -> bytes:
    """A batch of which any number may be another one than it should."""

    def number(usual: int) -> bytes:
        return varint(draw(_odd) if draw(st.integers(0, 19)) == 19 else usual)

    def piece() -> bytes:
        text = draw(st.binary(max_size=3))
        return number(len(text)) + text

    sent = b""
    records = draw(st.integers(0, 3))
    for place in range(records):
        named = [piece() for _ in range(2 * draw(st.integers(0, 1)))]
        attributes = draw(st.sampled_from([0, 0, 1, 0x7F, 0x80, 0xFF]))
        delta_ms = number(draw(st.integers(-9, 9)))
        record = bytes([attributes]) + delta_ms + number(place) + piece() + piece()
        record += number(len(named) // 2) + b"".join(named)
        sent += number(len(record)) + record
    last = draw(st.sampled_from([max(records - 1, 0), 3, -1, 2**31 - 1]))
    ms, stamp = (draw(st.sampled_from([NOW_MS, 0, -1, 2**63 - 1, -(2**63)])) for _ in range(2))
    base, flags = draw(st.integers(0, 5)), draw(st.sampled_from([0, 0, CONTROL, APPEND_TIME]))
    held = draw(st.sampled_from([records, records, records + 1, -1, 2**31 - 1]))
    head = (base, 49 + len(sent), 0, 2, 0, flags, last, ms, stamp, -1, -1, -1, held)
    return struct.pack(">qiibIhiqqqhii", *head) + sent


def taken(
    fetched: bytes, fetch_offset: int, most: int | None = None, *, sums: bool = True
) -> tuple[list[object], int] | None:
    partition = placed(fetched, fetch_offset, sums=sums, least_records=0)
    if partition is None:
        return None
    records: list[object] = []
    while not partition.exhausted:
        records += map(plain, partition.take(most))
    if most is None or not records:
        partition.take(most)
    return records, partition.next_fetch_offset


@settings(max_examples=80)
@given(fetches(), st.none() | st.integers(1, 3))
def test_what_aiokafka_reads(fetch: tuple[bytes, int], most: int | None) -> None:
    records, next_offset = by_aiokafka(*fetch)
    assert taken(*fetch, most) == ([*map(plain, records)], next_offset)


@settings(max_examples=120)
@given(fetches(), st.data())
def test_damaged_bytes_are_left_to_aiokafka_or_read_as_it_does(
    fetch: tuple[bytes, int], data: st.DataObject
) -> None:
    """Sums are not looked at here: a broken producer would have made them of what it sent."""
    fetched, fetch_offset = fetch
    damaged = bytearray(fetched)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(21, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    agree(cut, fetch_offset)


@settings(max_examples=120)
@given(st.lists(batches(), min_size=1, max_size=2), st.integers(0, 9))
def test_records_that_no_client_sends_are_left_to_aiokafka_or_read_as_it_does(
    built: list[bytes], fetch_offset: int
) -> None:
    # A broker begins with the batch that holds what was asked for; aiokafka would go back to one before it.
    base, last = struct.unpack_from(">q15xi", built[0])
    agree(b"".join(built), min(fetch_offset, base + max(last, 0)))


def agree(fetched: bytes, fetch_offset: int) -> None:
    found = taken(fetched, fetch_offset, sums=False)
    if found is not None:
        # Only this error of aiokafka's has no place here: names of headers are shown by their bytes.
        with suppress(UnicodeDecodeError):
            records, next_offset = by_aiokafka(fetched, fetch_offset, sums=False)
            assert found == ([*map(plain, records)], next_offset)


def test_a_broker_that_stamps_no_time_is_left_to_aiokafka() -> None:
    stamped = bytearray(batch([(0, NOW_MS, None, b"v", [])], flags=APPEND_TIME))
    assert taken(bytes(stamped), 0) is not None
    stamped[35:43] = b"\xff" * 8
    assert placed(bytes(stamped), 0, sums=False, least_records=0) is None


def test_batches_that_are_not_in_order_are_left_to_aiokafka() -> None:
    """By their heads; of the position, only these speak."""
    first, second = (batch([(0, NOW_MS, None, b"v", [])], base, flags=CONTROL) for base in (9, 7))
    last = batch([(0, NOW_MS, None, b"v", []), (1, NOW_MS, None, b"v", [])], 7)
    assert placed(first + second, 7, least_records=0) is None
    short = last[:23] + bytes(4) + last[27:]  # as if it had ended with its first record
    assert placed(short, 7, sums=False, least_records=0) is None


def test_the_loop_is_compiled_once_however_many_batches_a_fetch_has() -> None:
    """Another time would be while records wait, in the thread that also says that the worker lives."""
    from openride_stream.transport import unpacking

    one, two = (batch([(0, NOW_MS, None, b"v", [])], base) for base in (0, 1))
    for fetched in (one, one + two, batch([(0, NOW_MS, None, b"v", [])], codec=4)):
        assert taken(fetched, 0)
    assert len(unpacking.unpack.signatures) == 1  # type: ignore[attr-defined]


def test_a_wrong_sum_is_left_to_aiokafka() -> None:
    fetched = bytearray(batch([(0, NOW_MS, None, b"value", [])]))
    fetched[-2] ^= 1
    assert placed(bytes(fetched), 0, least_records=0) is None


def test_a_batch_that_is_cut_off_is_fetched_again() -> None:
    first, second = batch([(0, NOW_MS, b"k", b"one", [])], 7), batch([(0, NOW_MS, b"k", b"two", [])], 8)
    for end in (0, 5, 40, len(second) - 1):
        records, next_offset = taken(first + second[:end], 7) or ([], -1)
        assert (len(records), next_offset) == (1, 8)


def test_a_header_name_that_is_not_utf8_is_shown_by_its_bytes() -> None:
    fetched = batch([(0, NOW_MS, None, b"v", [("QZ", b"kept")])]).replace(b"QZ", b"\xff\xfe")
    partition = placed(fetched, 0, sums=False, least_records=0)
    assert partition is not None
    assert partition.take(None)[0].headers == [("\\xff\\xfe", b"kept")]


def test_few_records_are_left_to_aiokafka() -> None:
    few = batch([(offset, NOW_MS, None, b"v", []) for offset in range(placing.LEAST_RECORDS - 1)])
    assert placed(few, 0) is None
    one_more = batch([(0, NOW_MS, None, b"v", [])], placing.LEAST_RECORDS - 1)
    assert placed(few + one_more, 0) is not None


def test_some_of_a_run_stand_where_all_of_it_does() -> None:
    partition = placed(
        batch([(offset, NOW_MS, None, b"%d" % offset, []) for offset in range(9)]), 0, least_records=0
    )
    assert partition is not None
    run = partition.take(None)
    some = run[2:5]
    assert isinstance(some, Run)
    assert some.text is run.text
    assert [record.value for record in some] == [b"2", b"3", b"4"]
    assert run[-1].offset == 8

from pathlib import Path

import orjson
import pytest

from openride_stream.replay.eventfiles import BadEventFile, holds_events, read_parcels
from openride_stream.replay.recordlog import RecordLog
from tests.events.batches import decode_values
from tests.replay.passes import parcels

USER = "9b2f0000-1111-4222-8333-444455556666"
TIME = "2026-03-01T10:00:00.250+01:00"


def test_what_json_out_wrote_is_read_back_byte_for_byte(tmp_path: Path) -> None:
    sent = parcels(40, bad=0.3, duplicates=0.1, without_ids=0.1)
    path = tmp_path / "sent.jsonl"
    with RecordLog(path) as log:
        log.write(sent, 5)
    read = list(read_parcels(path))
    for one, other in zip(sent, read, strict=True):
        assert (one.topic, one.key, one.value, one.bad, one.duplicate_of) == (
            *(other.topic, other.key, other.value),
            *(other.bad, other.duplicate_of),
        )


def test_lines_of_bare_events_keep_their_bytes_and_find_their_topic(tmp_path: Path) -> None:
    line = f'{{"event_type": "user.activity", "event_timestamp":"{TIME}", "user_id":"{USER}"}}'
    path = tmp_path / "events.jsonl"
    path.write_text(line + "\n\n")
    (parcel,) = read_parcels(path)
    assert parcel.value == line.encode()
    assert (parcel.topic, parcel.key) == ("openride.events.user", USER.encode())
    assert parcel.at_ms % 1000 == 250


def test_cells_of_a_csv_become_the_types_that_the_contract_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(
        "event_type,event_timestamp,payment_id,booking_id,rider_id,user_id,amount,payment_method,provider,"
        "provider_transaction_id,processing_time_ms,card_last4,activity_type,location\n"
        f"payment.success,{TIME},{USER},{USER},{USER},,12.30,card,interswitch,991,250,0042,,\n"
        f'user.activity,{TIME},,,,{USER},,,,,,,7,"{{""lat"": 1.5}}"\n'
    )
    assert holds_events(path)
    payment, activity = read_parcels(path)
    body = orjson.loads(payment.value or b"")
    assert (body["amount"], body["processing_time_ms"]) == (12.3, 250)
    assert (body["card_last4"], body["provider_transaction_id"]) == ("0042", "991")
    assert "user_id" not in body
    assert orjson.loads(activity.value or b"")["location"] == {"lat": 1.5}
    for parcel in (payment, activity):
        assert decode_values(parcel.topic, [parcel.value]).rejects == []


@pytest.mark.parametrize(
    "line",
    [
        '{"event_type":"no.such"}',
        "[]",
        "no json",
        '{"topic":"elsewhere","value":"x"}',
        '{"topic":1,"value":2}',
    ],
)
def test_a_line_that_names_no_topic_is_an_error_that_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(BadEventFile, match="line 2"):
        list(read_parcels(path))


def test_a_csv_of_trips_is_not_taken_for_one_of_events(tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_text("pickup,dropoff\n")
    assert not holds_events(path)

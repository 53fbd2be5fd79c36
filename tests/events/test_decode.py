"""What a batch becomes: the rows' form, the order of rows and rejects, totality, independence of records."""

import uuid

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openride_stream.events.decode import Decoded, decode
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import EVENT_SHAPES, EXECUTION
from openride_stream.events.rejects import RejectClass
from openride_stream.events.topics import TOPICS
from tests.events.batches import NOW_MS, POLICY, FakeRecord, accepted, decode_values, refused, topic_of
from tests.events.strategies import topic_values, wild_batches

PING = example("driver.location.updated")
LOCATION = topic_of("driver.location.updated")
PROVENANCE = {"topic", "partition", "offset", "payload", "event_id", "event_timestamp"}


def ping(**changes: object) -> bytes:
    return orjson.dumps({**PING, **changes})


def verdicts(decoded: Decoded) -> list[tuple[object, ...]]:
    return [
        *((row["offset"], orjson.dumps(row, option=orjson.OPT_SORT_KEYS)) for row in decoded.rows),
        *((reject.record.offset, reject.error, reject.message) for reject in decoded.rejects),
    ]


@pytest.mark.parametrize("name", [*EVENT_SHAPES, EXECUTION_NAME])
def test_a_row_has_every_declared_field_and_its_provenance(name):
    row = accepted(topic_of(name), example(name), offset=17)
    shape = EXECUTION if name == EXECUTION_NAME else EVENT_SHAPES[name]
    sent = set(example(name)) & set(shape.fields)
    assert sent | set(shape.defaults) | PROVENANCE <= set(row)
    assert (row["topic"], row["partition"], row["offset"]) == (topic_of(name), 3, 17)


@pytest.mark.parametrize("name", EVENT_SHAPES)
def test_a_row_has_no_column_that_the_type_does_not_declare(name):
    row = accepted(topic_of(name), {**example(name), "surprise": [1], "update": True})
    assert set(row) - set(EVENT_SHAPES[name].fields) <= PROVENANCE | {"precedence"}


def test_payload_is_the_record_as_received():
    value = b' {"lat" : 1.50,"extra":1e999,' + ping(lon=2)[1:] + b"\n"
    assert accepted(LOCATION, value)["payload"] == value.decode()
    assert "precedence" not in accepted(LOCATION, value)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-03-02T08:15:00Z", 0),
        ("2026-03-02t08:15:00.0z", 0),
        ("2026-03-02T08:15:00", 0),
        ("2026-03-02T09:15:00+01:00", 0),
        ("2026-03-02T02:45:00.25-05:30", 250),
        ("2026-03-02T08:15:00.9999999999Z", 999),
        ("2026-03-02T08:15:00.001999-00:00", 1),
    ],
)
def test_event_time_is_milliseconds_cut_not_rounded(text, milliseconds):
    base_ms = 1_772_439_300_000
    assert accepted(LOCATION, ping(event_timestamp=text))["event_timestamp"] == base_ms + milliseconds


def test_uuids_are_stored_in_lower_case():
    row = accepted(LOCATION, ping(driver_id=PING["driver_id"].upper(), event_id=PING["event_id"].upper()))
    assert (row["driver_id"], row["event_id"]) == (PING["driver_id"], PING["event_id"])


def test_a_null_is_an_absent_field():
    row = accepted(LOCATION, ping(speed_kmh=None, schema_version=None, event_id=None))
    assert "speed_kmh" not in row
    assert row["schema_version"] == 1
    assert uuid.UUID(row["event_id"]).version == 5


def test_objects_are_stored_as_json_text():
    event = {**example("user.activity"), "device_info": {"os": "x", "n": 1.50}}
    value = orjson.dumps(event).replace(b"1.5", b"1.50000000000000000001")
    row = accepted(topic_of("user.activity"), value)
    assert row["device_info"] == '{"os":"x","n":1.50000000000000000001}'


def test_the_currency_of_an_amount_defaults_to_the_setting():
    event = example("payment.success")
    del event["currency"]
    assert accepted(topic_of("payment.success"), event)["currency"] == POLICY.currency
    assert accepted(topic_of("payment.success"), {**event, "currency": None})["currency"] == POLICY.currency
    assert "currency" not in accepted(LOCATION, ping())


def test_rows_and_rejects_keep_the_order_of_offsets():
    values = [ping(), b"junk", b" " + ping(), ping(lat=91), ping(nested={}), None, ping()]
    decoded = decode_values(LOCATION, values)
    assert [row["offset"] for row in decoded.rows] == [0, 2, 4, 6]
    assert [reject.record.offset for reject in decoded.rejects] == [1, 3, 5]
    assert decoded.rejects[1].message.startswith("lat: ")


@pytest.mark.parametrize("bad", [b"junk", b'{"x":1', ping(lat=91), b'{"event_type":"}', b"{},{}"])
def test_one_bad_record_costs_only_itself(bad):
    decoded = decode_values(LOCATION, [ping(lat=n % 90) if n != 250 else bad for n in range(500)])
    assert len(decoded.rows) == 499
    assert [reject.record.offset for reject in decoded.rejects] == [250]


@pytest.mark.parametrize(
    "values",
    [
        [b'{"x":[{}', b"{}]}"],
        [b'{"x":"}', b'{"}'],
        [b'{"a":1},"}', b'{","b":1}'],
        [b'{"a":"}', b'{","lat":1}', ping()],
        [b'{"a":[1', b'2]},{"b":1}'],
        [ping() + b"," + ping(), b" "],
        [ping()[:-1], b"}"],
    ],
)
def test_records_crafted_to_misalign_a_join_are_each_refused(values):
    decoded = decode_values(LOCATION, [ping(), *values, ping()])
    good = [0, len(values) + 1, *(n + 1 for n, value in enumerate(values) if value == ping())]
    assert [row["offset"] for row in decoded.rows] == sorted(good)
    assert {reject.error for reject in decoded.rejects} <= {"MalformedJson", "InvalidField"}


def test_a_string_across_two_valid_looking_records_is_not_read_as_one():
    """Joined, the halves are one valid event; on their own, neither is JSON."""
    whole = ping(city="A},{B")
    cut = whole.index(b"},{") + 1
    halves = [whole[:cut], whole[cut + 1 :]]
    decoded = decode_values(LOCATION, halves)
    assert decoded.rows == []
    assert [reject.error for reject in decoded.rejects] == ["MalformedJson"] * 2


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("field", ["lat", "extra"])
def test_not_a_number_is_not_json_wherever_it_stands(field, number):
    value = b'{"%s":%s,' % (field.encode(), number.encode()) + ping(lat=1)[1:]
    assert refused(LOCATION, value).error == RejectClass.MALFORMED_JSON
    assert accepted(LOCATION, ping(city=f"{number}, Ohio"))["city"] == f"{number}, Ohio"


def test_a_topic_of_nobody_is_a_mistake_of_the_caller():
    with pytest.raises(KeyError):
        decode(RecordBatch("elsewhere", 0, [FakeRecord(b"{}")]), POLICY, NOW_MS)


@settings(max_examples=150, deadline=None)
@given(topic_values())
def test_every_valid_record_is_accepted_and_its_row_serialises(record):
    topic, value = record
    decoded = decode_values(topic, [value])
    assert decoded.rejects == []
    assert orjson.loads(orjson.dumps(decoded.rows)) == decoded.rows
    assert None not in decoded.rows[0].values()


@settings(max_examples=100, deadline=None)
@given(wild_batches())
def test_a_batch_decodes_to_what_its_records_decode_to_alone(batch):
    topic, values = batch
    records = [FakeRecord(value, offset) for offset, value in enumerate(values)]
    alone = [decode(RecordBatch(topic, 3, [record]), POLICY, NOW_MS) for record in records]
    together = decode(RecordBatch(topic, 3, records), POLICY, NOW_MS)
    assert sorted(verdicts(together)) == sorted(verdict for one in alone for verdict in verdicts(one))
    assert len(together.rows) + len(together.rejects) == len(values)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(TOPICS),
    st.lists(st.binary(max_size=40) | st.text(max_size=20).map(str.encode), min_size=1, max_size=8),
)
def test_no_bytes_make_decoding_raise(topic, values):
    decoded = decode_values(topic.name, values)
    assert len(decoded.rows) + len(decoded.rejects) == len(values)


@pytest.mark.parametrize("depth", [150, 199, 200, 201, 5000, 100_000])
@pytest.mark.parametrize("ends", [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_a_verdict_not_a_crash(depth, ends):
    value = b'{"deep":' + ends[0] * depth + b"1" + ends[1] * depth + b"," + ping()[1:]
    alone = decode_values(LOCATION, [value])
    joined = decode_values(LOCATION, [ping(), value, ping()])
    assert len(joined.rows) == 2 + len(alone.rows)
    assert [reject.error for reject in alone.rejects] in ([], ["MalformedJson"])
    assert (depth <= 190) == (alone.rejects == [])

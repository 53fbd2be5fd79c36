"""Why records are refused: every class, the field that the message names, and no value in it."""

from dataclasses import replace

import orjson
import pytest

from openride_stream.clock import utc_from_ms
from openride_stream.events.decode import decode
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.frame import CLOCK_SKEW_MS
from openride_stream.events.letters import Letter
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import EVENT_SHAPES, EXECUTION
from openride_stream.events.rejects import RejectClass
from tests.events.batches import (
    DAY_MS,
    NOW_MS,
    POLICY,
    FakeRecord,
    accepted,
    decode_record,
    refused,
    topic_of,
)

LOCATION = topic_of("driver.location.updated")
PING = example("driver.location.updated")
ALL = [*EVENT_SHAPES, EXECUTION_NAME]


def rfc3339(ms):
    return utc_from_ms(ms).isoformat(timespec="milliseconds")


def required_fields():
    for name in ALL:
        shape = EXECUTION if name == EXECUTION_NAME else EVENT_SHAPES[name]
        yield from ((name, field) for field in sorted(shape.typed_dict.__required_keys__))


def optional_fields():
    for name in ALL:
        shape = EXECUTION if name == EXECUTION_NAME else EVENT_SHAPES[name]
        optional = set(shape.fields) - set(shape.typed_dict.__required_keys__)
        yield from ((name, field) for field in sorted(optional))


@pytest.mark.parametrize(("name", "field"), list(required_fields()))
def test_a_required_field_must_be_there_and_not_null(name, field):
    event = example(name)
    del event[field]
    for broken in (event, {**event, field: None}):
        reject = refused(topic_of(name), broken)
        assert reject.error == RejectClass.INVALID_FIELD
        assert reject.message.startswith(f"{field}: ")


@pytest.mark.parametrize(("name", "field"), list(optional_fields()))
def test_an_optional_field_may_be_missing_or_null(name, field):
    event = example(name)
    event.pop(field, None)
    assert accepted(topic_of(name), event)
    assert accepted(topic_of(name), {**event, field: None})


@pytest.mark.parametrize(("name", "field"), [*required_fields(), *optional_fields()])
def test_no_field_takes_a_value_of_another_kind(name, field):
    if field in ("device_info", "location", "active_days", "updated_fields"):
        wrong = "text"
    elif field in ("refund_initiated", "on_time", "was_started"):
        wrong = 1
    else:
        wrong = True
    reject = refused(topic_of(name), {**example(name), field: wrong})
    assert reject.error == RejectClass.INVALID_FIELD
    assert reject.message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("name", "field", "good", "bad"),
    [
        ("driver.location.updated", "lat", [-90, 90, 0.0], [-90.001, 90.001, "1", 1e400]),
        ("driver.location.updated", "lon", [-180, 180], [-180.5, 180.5]),
        ("driver.location.updated", "bearing", [0, 359.999], [360, -0.1]),
        ("driver.location.updated", "speed_kmh", [0, 1e9], [-0.1, 1.01e9]),
        ("driver.location.updated", "accuracy_meters", [0], [-1]),
        ("booking.created", "seats_booked", [1, 8, 2.0], [0, 9, 1.5, "1"]),
        ("booking.confirmed", "seats_booked", [1, 8], [0, 9]),
        ("trip.started", "passengers_count", [1, 8], [0, 9]),
        ("route.created", "seats_total", [1, 8], [0, 9]),
        ("route.created", "stops_count", [0, 70_000, 2**32 - 1], [-1, 2**32]),
        ("user.activity", "schema_version", [0, 70_000, 2**32 - 1], [-1, 2**32, "1"]),
        (EXECUTION_NAME, "schema_version", [70_000], [-1]),
        ("route.created", "departure_time", ["00:00:00", "23:59:59"], ["24:00:00", "7:00:00", "07:00"]),
        ("route.created", "active_days", [[], ["SUN"]], [["mon"], ["MON", 1], "MON", [None]]),
        ("route.updated", "updated_fields", [[], ["a", ""]], [[1], {}, "a"]),
        ("route.cancelled", "active_bookings_count", [0, 2**32 - 1], [2**32, -1]),
        ("booking.completed", "duration_minutes", [0, 1, 1.5, 10**9], [-0.5, "1", 1e19, 10**9 + 1]),
        ("trip.completed", "distance_km", [0, 1e9], [1e308]),
        ("booking.completed", "actual_arrival", ["2099-12-31T23:59:59.999Z"], ["2100-01-01T00:00:00Z", 0]),
        ("payment.success", "processing_time_ms", [0, 2**32 - 1, 812.0], [-1, 2**32, 0.5]),
        ("payment.success", "card_last4", ["0000"], ["000", "12345", "12a4", 1234]),
        ("payment.success", "currency", ["USD"], ["usd", "US", "DOLLAR"]),
        ("payment.success", "amount", ["0", "0.5", "9999999999999999.99", 0, 0.01, 10**16 - 1], []),
        ("payment.success", "amount", [], ["-1", "1.234", "1e3", "", "1.", ".5", " 1", "+1", "1,0", "1\n"]),
        ("payment.success", "amount", [], [-0.01, 0.001, 10**16, 1e13, "10000000000000000", True, [1]]),
        (
            "user.registered",
            "phone",
            ["+12", "+123456789012345"],
            ["+0123", "12", "+1", "+1234567890123456", "+1 2"],
        ),
        ("user.registered", "role", ["ADMIN"], ["rider", "GUEST"]),
        ("user.kyc_verified", "kyc_status", ["REJECTED"], ["PENDING"]),
        ("booking.cancelled", "cancelled_by", ["SYSTEM"], ["ADMIN"]),
        (
            "booking.created",
            "rider_id",
            ["A" * 8 + "-bbbb-CCCC-dddd-" + "0" * 12],
            ["b" * 32, "{}", "g" * 36, 7],
        ),
        ("user.activity", "device_info", [{}, {"a": {"b": [1, None]}}], [[], "{}"]),
        (EXECUTION_NAME, "level", ["warning"], ["debug"]),
        (EXECUTION_NAME, "execution_result", ["retry"], ["ok"]),
        (EXECUTION_NAME, "event_type", ["anything at all"], ["", 1]),
        (EXECUTION_NAME, "time_in_redis_queue_ms", [0, 2**53 - 1], [-1, 0.5, 2**53]),
        (EXECUTION_NAME, "kafka_partition", [0], [-1, 2**31]),
    ],
)
def test_bounds(name, field, good, bad):
    for value in good:
        assert accepted(topic_of(name), {**example(name), field: value})
    for value in bad:
        text = orjson.dumps({**example(name), field: 0.125 if value == 1e400 else value})
        reject = refused(topic_of(name), text.replace(b"0.125", b"1e400") if value == 1e400 else text)
        assert (reject.error, reject.message.split(":")[0].split(".")[0]) == ("InvalidField", field)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("12", "12.00"),
        ("12.5", "12.50"),
        ("007.05", "7.05"),
        (12, "12.00"),
        (12.5, "12.50"),
        (1e2, "100.00"),
        (-0.0, "0.00"),
        (0.07, "0.07"),
    ],
)
def test_money_is_stored_with_two_places(sent, stored):
    assert (
        accepted(topic_of("payment.success"), {**example("payment.success"), "amount": sent})["amount"]
        == stored
    )


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02",
        "2026-03-02 08:15:00Z",
        "2026-03-02T08:15Z",
        "2026-03-02T08:15:00+0100",
        "2026-03-02T08:15:00,5Z",
        "20260302T081500Z",
        "2026-W10-1T08:15:00Z",
        "2026-02-30T08:15:00Z",
        "2026-03-02T24:00:00Z",
        "2026-03-02T08:15:60Z",
        "2026-03-02T08:15:00+24:00",
        "2026-03-02T08:15:00Z\n",
        "1999-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "0000-01-01T00:00:00Z",
        "1772439300",
        "２０２６-03-02T08:15:00Z",
        "",
        1772439300,
    ],
)
def test_event_time_must_be_rfc_3339(text):
    for name, field in (("driver.location.updated", "event_timestamp"), ("trip.started", "actual_departure")):
        reject = refused(topic_of(name), {**example(name), field: text})
        assert reject.error == RejectClass.INVALID_FIELD
        assert reject.message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (None, "MalformedJson"),
        (b"", "MalformedJson"),
        (b" ", "MalformedJson"),
        (b"{", "MalformedJson"),
        (b"{'a':1}", "MalformedJson"),
        (b'{"a":1,}', "MalformedJson"),
        (b"{} {}", "MalformedJson"),
        (b"{},{}", "MalformedJson"),
        (b"\xef\xbb\xbf{}", "MalformedJson"),
        (b'{"a":"\xff"}', "MalformedJson"),
        (b'{"a":"\xed\xa0\x80"}', "MalformedJson"),
        (b'{"a":"\\ud800"}', "InvalidField"),
        (b'{"a":"\x01"}', "MalformedJson"),
        (b'{"a":01}', "MalformedJson"),
        (b"NaN", "MalformedJson"),
        (b"[]", "NotAnObject"),
        (b"null", "NotAnObject"),
        (b'"text"', "NotAnObject"),
        (b" 1 ", "NotAnObject"),
        (b"{}", "InvalidField"),
        (b'{"event_type":1}', "InvalidField"),
        (b'{"event_type":null}', "InvalidField"),
        (b'{"event_type":"driver.teleported"}', "UnknownEventType"),
        (b'{"event_type":"Trip.Started"}', "UnknownEventType"),
        (b'{"event_type":"trip.started"}', "WrongTopic"),
    ],
)
def test_classes(value, error):
    assert refused(LOCATION, value).error == error


def test_lone_surrogates_cannot_be_stored():
    value = orjson.dumps({**PING, "note": "?"}).replace(b"?", b"\\ud800")
    assert refused(LOCATION, value).error == RejectClass.MALFORMED_JSON


@pytest.mark.parametrize(
    "number", ["9" * 5000, "-" + "9" * 5000, "9" * 5000 + ".5", "0." + "9" * 5000, "1e" + "9" * 5000]
)
def test_a_number_of_any_length_may_stand_in_a_field_that_nobody_declared(number):
    digits = "7" * 5000
    text = orjson.dumps({**PING, "city": digits, "note": "?"}).decode().replace('"?"', number)
    row = accepted(LOCATION, text.encode())
    assert (row["payload"], row["city"]) == (text, digits)


@pytest.mark.parametrize("field", ["lat", "schema_version", "city"])
def test_a_number_of_any_length_is_refused_in_a_field_that_cannot_hold_it(field):
    text = orjson.dumps({**PING, field: "?"}).decode().replace('"?"', "9" * 5000)
    reject = refused(LOCATION, text.encode())
    assert (reject.error, reject.message.split(":")[0]) == ("InvalidField", field)


def test_a_record_over_the_limit_is_refused_unread():
    room = POLICY.max_record_bytes - len(orjson.dumps({**PING, "note": ""}))
    assert accepted(LOCATION, {**PING, "note": "x" * room})
    assert refused(LOCATION, {**PING, "note": "x" * (room + 1)}).error == RejectClass.RECORD_TOO_LARGE
    assert refused(LOCATION, b"\xff" * (POLICY.max_record_bytes + 1)).error == RejectClass.RECORD_TOO_LARGE


@pytest.mark.parametrize(("ahead_ms", "fine"), [(0, True), (DAY_MS, True), (DAY_MS + 1, False)])
def test_event_time_may_lie_a_day_ahead_of_the_record(ahead_ms, fine):
    sent_ms = 1_772_439_300_000 - ahead_ms
    event = {**PING, "event_timestamp": "2026-03-02T08:15:00Z"}
    if fine:
        assert accepted(LOCATION, event, timestamp=sent_ms)
    else:
        reject = refused(LOCATION, event, timestamp=sent_ms)
        assert reject.error == "TimestampTooFarAhead"
        assert reject.message.startswith("event_timestamp: ")


@pytest.mark.parametrize(("ahead_ms", "fine"), [(DAY_MS, True), (DAY_MS + CLOCK_SKEW_MS + 1, False)])
@pytest.mark.parametrize("name", ["driver.location.updated", "user.registered", EXECUTION_NAME])
def test_a_record_stamped_with_the_future_does_not_carry_its_event_there(name, ahead_ms, fine):
    time_field = "started_processing_at" if name == EXECUTION_NAME else "event_timestamp"
    event = {**example(name), time_field: rfc3339(NOW_MS + ahead_ms)}
    if fine:
        assert accepted(topic_of(name), event, timestamp=NOW_MS + ahead_ms)
    else:
        reject = refused(topic_of(name), event, timestamp=NOW_MS + ahead_ms)
        assert (reject.error, reject.message[:16]) == ("TimestampTooFarAhead", "event_timestamp:")


def test_what_was_too_far_ahead_is_the_same_event_once_it_no_longer_is():
    anonymous = {name: value for name, value in PING.items() if name != "event_id"}
    event = {**anonymous, "event_timestamp": rfc3339(NOW_MS + 30 * DAY_MS)}
    record = FakeRecord(orjson.dumps(event), timestamp=NOW_MS + 30 * DAY_MS)
    letter = Letter.of(LOCATION, 3, decode_record(LOCATION, record).rejects[0], "w", NOW_MS)
    later_ms = NOW_MS + 29 * DAY_MS
    again = replace(record, offset=9, timestamp=later_ms, headers=letter.redrive_headers())
    rows = [decode(RecordBatch(LOCATION, 3, [each]), POLICY, later_ms).rows[0] for each in (record, again)]
    assert rows[0]["event_id"] == rows[1]["event_id"]


def test_a_record_without_a_timestamp_is_compared_with_the_clock():
    assert accepted(LOCATION, PING, timestamp=-1)
    late = {**PING, "event_timestamp": "2026-03-04T08:15:00Z"}
    assert refused(LOCATION, late, timestamp=-1).error == "TimestampTooFarAhead"


@pytest.mark.parametrize(
    ("name", "open_day", "sealed_day"),
    [("driver.location.updated", "2026-01-31", "2026-01-30"), ("trip.started", "2025-01-26", "2025-01-25")],
)
def test_a_table_is_sealed_by_whole_days(name, open_day, sealed_day):
    assert NOW_MS % DAY_MS == DAY_MS // 2
    event = example(name)
    assert accepted(topic_of(name), {**event, "event_timestamp": f"{open_day}T00:00:00Z"})
    reject = refused(topic_of(name), {**event, "event_timestamp": f"{sealed_day}T23:59:59.999Z"})
    assert reject.error == "too_late"
    assert reject.message.startswith("event_timestamp: ")


def test_messages_never_repeat_what_was_sent():
    secret = "s3cret-value"
    for name in ALL:
        for field in example(name):
            value = orjson.dumps(
                {**example(name), field: {secret: secret} if field != "location" else secret}
            )
            if field == "device_info":
                continue
            assert secret not in refused(topic_of(name), value).message


def test_a_long_list_of_faults_is_cut():
    reject = refused(topic_of("trip.completed"), {"event_type": "trip.completed"})
    assert reject.message.endswith("and 10 more")

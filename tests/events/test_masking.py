"""Personal values never leave decoding, wherever and however a producer wrote them."""

import hmac
import string

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.identity import precedence
from openride_stream.events.masking import mask, masked_text, pseudonym
from openride_stream.events.registry import EVENT_SHAPES
from openride_stream.events.types_common import PERSONAL_NAMES
from tests.events.batches import POLICY, accepted, decode_values, refused, topic_of

KEY = POLICY.pii_key
USER = topic_of("user.registered")
SECRETS = st.text(string.ascii_lowercase, min_size=8, max_size=8).map("zq{}".format)


def expected(name, text):
    return hmac.new(KEY, name.encode() + b"\0" + text.encode(), "sha256").hexdigest()


def test_columns_and_payload_hold_the_same_pseudonym():
    event = example("user.registered")
    row = accepted(USER, event)
    stored = orjson.loads(row["payload"])
    for name in ("phone", "email", "full_name"):
        assert row[name] == stored[name] == expected(name, event[name])
    assert {name: stored[name] for name in event if name not in PERSONAL_NAMES} == {
        name: event[name] for name in event if name not in PERSONAL_NAMES
    }


def test_precedence_comes_from_what_was_sent():
    value = orjson.dumps(example("user.registered"))
    assert accepted(USER, value)["precedence"] == precedence(value)


def test_a_record_without_personal_values_is_kept_as_received():
    event = {**example("user.activity"), "ip_address": None}
    row = accepted(USER, event)
    assert row["payload"].encode() == orjson.dumps(event)
    assert "precedence" not in row


@pytest.mark.parametrize("name", [*EVENT_SHAPES, EXECUTION_NAME])
@pytest.mark.parametrize("personal", PERSONAL_NAMES)
def test_a_personal_field_that_a_type_does_not_declare_is_masked_as_well(name, personal):
    event = {**example(name), personal: "+2348099999999"}
    row = accepted(topic_of(name), event)
    assert "8099999999" not in orjson.dumps(row).decode()
    assert orjson.loads(row["payload"])[personal] == expected(personal, "+2348099999999")


@pytest.mark.parametrize(
    "piece",
    [
        b'"\\u0065mail":"zqsecret"',
        b'"ema\\u0069\\u006C":"zqsecret"',
        b'"ip\\u005faddress":"zqsecret"',
        b'"x":{"y":[{"email":"zqsecret"}]}',
        b'"x":[[{"ph\\u006Fne":["zqsecret",{"z":"zqsecret"}]}]]',
        b'"email":"zqsecret","email":"zqsecret"',
        b'"email":{"home":"zqsecret"}',
        b'"x":{"email":"zqsecret"},"x":1',
        b'"phone":null,"email":"zqsecret","full_name":null',
        b'"phone":null,"ip_address":"zqsecret","x":null',
        b'"device_info":{"email":"zqsecret"},"location":{"a":{"full_name":"zqsecret"}}',
        b'"phone":"zqsecret","phone":null',
        b'"device_info":{"ip_address":"zqsecret"},"device_info":{}',
        b'"x":{"email":"zqsecret"},"x":{"y":{}},"location":{}',
        b'"em\\u0061il":"zqsecret","email":null',
    ],
)
def test_no_spelling_or_depth_hides_a_personal_value(piece):
    value = b"{" + piece + b"," + orjson.dumps({**example("user.activity"), "device_info": None})[1:]
    value = value.replace(b'"device_info":null,', b"").replace(
        b'"location":{"lat":6.4281,"lon":3.4219},', b""
    )
    decoded = decode_values(USER, [value, value])
    assert len(decoded.rows) == 2
    assert b"zqsecret" not in orjson.dumps(decoded.rows)


@pytest.mark.parametrize("piece", [b'"email":"zqsecret","email":null', b'"x":{"phone":"zqsecret"},"x":1'])
def test_a_schedule_that_names_a_field_twice_hides_nothing_either(piece):
    value = b"{" + piece + b"," + orjson.dumps(example(EXECUTION_NAME))[1:]
    rows = decode_values(topic_of(EXECUTION_NAME), [value, value]).rows
    assert len(rows) == 2
    assert b"zqsecret" not in orjson.dumps(rows)


def test_a_null_does_not_shield_the_personal_field_behind_it():
    ping = {**example("driver.location.updated"), "phone": None, "email": "zqsecret"}
    rows = decode_values(topic_of("driver.location.updated"), [orjson.dumps(ping)] * 2).rows
    assert [orjson.loads(row["payload"])["email"] for row in rows] == [expected("email", "zqsecret")] * 2


def test_numbers_survive_masking_untouched():
    value = (
        b'{"a":1.10,"b":1e999,"c":123456789012345678901234567890,'
        + orjson.dumps(example("user.registered"))[1:]
    )
    payload = accepted(USER, value)["payload"]
    assert payload.startswith('{"a":1.10,"b":1e999,"c":123456789012345678901234567890,')


@pytest.mark.parametrize(
    ("name", "one", "same"),
    [
        ("email", "ada@example.org", " Ada@Example.ORG\n"),
        ("ip_address", "2001:db8::a", "2001:DB8::A"),
        ("full_name", "Adé", "Ade\u0301 "),
        ("phone", "+234", " +234"),
    ],
)
def test_a_value_has_one_pseudonym_in_all_its_spellings(name, one, same):
    assert pseudonym(name, one, KEY) == pseudonym(name, same, KEY)


def test_pseudonyms_depend_on_field_and_key():
    assert len({pseudonym(name, "x", key) for name in PERSONAL_NAMES for key in (b"1", b"2")}) == 8
    assert pseudonym("full_name", "ada", KEY) != pseudonym("full_name", "Ada", KEY)


def test_null_is_not_a_personal_value():
    document = {"email": None, "deep": [{"phone": None}]}
    assert not mask(document, KEY)
    assert document == {"email": None, "deep": [{"phone": None}]}


@settings(max_examples=80, deadline=None)
@given(SECRETS, st.sampled_from(PERSONAL_NAMES), st.sampled_from(["top", "list", "object"]), st.booleans())
def test_no_personal_value_is_in_a_row_or_a_reject(secret, name, depth, valid):
    place = {
        "top": {name: secret},
        "list": {"x": [{name: [secret]}]},
        "object": {"location": {name: {"v": secret}}},
    }
    event = {**example("user.activity"), **place[depth]}
    if not valid:
        event["user_id"] = secret
    decoded = decode_values(USER, [orjson.dumps(event)])
    assert len(decoded.rows) == valid
    shown = orjson.dumps([decoded.rows, [(reject.error, reject.message) for reject in decoded.rejects]])
    assert secret.encode() not in shown


def test_a_phone_that_is_refused_is_not_repeated():
    assert "08012345678" not in refused(USER, {**example("user.registered"), "phone": "08012345678"}).message


def test_a_dead_letter_is_shown_masked():
    text = masked_text(b'{"event_type":"user.registered","phone":"0801","note":"1"}', KEY)
    assert text == f'{{"event_type":"user.registered","phone":"{expected("phone", "0801")}","note":"1"}}'


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"a":NaN}',
        b'{"email":"\\ud800"}',
        b'{"a":"\\ud800"}',
        b'{"a":' * 5000,
        b'{"a":' * 400 + b"1" + b"}" * 400,
    ],
)
def test_a_dead_letter_that_cannot_be_parsed_is_not_shown(value):
    assert masked_text(value, KEY) is None

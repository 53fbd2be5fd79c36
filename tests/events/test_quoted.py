"""Looking into JSON without parsing it gives what parsing it gives."""

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openride_stream.events.example import example
from openride_stream.events.quoted import is_closed, object_text
from tests.events.batches import decode_values

USER = "openride.events.user"
WORDS = st.text(alphabet='abc{}[],: "éλ', max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["email", "phone", "a", "location", "b"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def activity(**given_fields: object) -> bytes:
    return orjson.dumps({**example("user.activity"), **given_fields})


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "email", "x"]), VALUES, max_size=3), VALUES)
def test_a_row_is_the_same_whether_its_record_was_parsed_or_not(device, extra):
    # The escape in an unknown field is what sends the second record the long way.
    quick = activity(device_info=device, extra=extra, mark="A")
    parsed = quick.replace(b'"mark":"A"', b'"mark":"\\u0041"')
    one, other = (decode_values(USER, [value, value]).rows[1] for value in (quick, parsed))
    for row in (one, other):
        row.pop("precedence")  # follows from the record's bytes
        row.update({name: json.loads(row[name]) for name in ("payload", "device_info", "location")})
    assert one == other


@pytest.mark.parametrize(
    ("value", "closed"),
    [
        (b'{"a":{"b":[1,{"c":"}"}]}}', True),
        (b'{"a":{}} ', True),
        (b'{"a":{}},{"b":1}', False),
        (b'{"a":{}}}', False),
        (b'{"a":[{]}}', True),  # not JSON: the join will say so
        (b'{"a":{"b":"}}', False),
        (b'{"a":{"b":"\\"}"}}', False),
        (b' {"a":{}}', False),
        (b"", False),
        (b"{}{}", False),
        (b'{"a":{"b":"{"}}', True),
        (b'{"a":[' + b"{}," * 3000 + b"{}]}", False),  # is, but would be remembered
    ],
)
def test_a_closed_text_is_one_group_with_every_string_closed_in_it(value, closed):
    assert is_closed(value) is closed


@pytest.mark.parametrize(
    "crafted",
    [
        [b'{"a":"', b'{"},{":{}}'],  # plain and closed: a string left open turns the next inside out
        [b'{"a":{},"b":1},5', b'{"c":{}}'],
        [b'{"a":{}},', b'{"c":{}}'],
        [b'{"a":[{}]', b'{"b":{}}]}'],
    ],
)
def test_records_crafted_to_misalign_a_join_of_nested_ones_are_each_refused(crafted):
    good = activity()
    decoded = decode_values(USER, [good, *crafted, good])
    assert [row["offset"] for row in decoded.rows] == [0, len(crafted) + 1]
    assert len(decoded.rejects) == len(crafted)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"x": 1, "location" : { "a":"{", "b":1 }, "y":2}', None),
        ('{"x": 1, "location" : { "a":"é,:", "b":1 }, "y":{}}', '{ "a":"é,:", "b":1 }'),
        ('{"location":{}}', "{}"),
        ('{"location":{"a":"}"}}', None),
        ('{"location":{"a":{}}}', None),
        ('{"location":{"a":[1]}}', None),
        ('{"location":{"a":1},"x":{"location":2}}', None),
        ('{"x":"location","location":{"a":1}}', None),
    ],
)
def test_a_plain_object_is_cut_out_as_it_was_written(text, found):
    assert object_text(text, "location") == found

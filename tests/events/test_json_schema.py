"""The schemas say what decoding does."""

import json
from pathlib import Path

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openride_stream.cli.schema import schema_text
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.field_docs import FIELD_DOCS
from openride_stream.events.json_schema import schemas
from openride_stream.events.registry import EVENT_SHAPES, EXECUTION
from tests.events.batches import decode_values, topic_of
from tests.events.strategies import events, executions, texts

SCHEMAS = schemas()
VALIDATORS = {name: jsonschema.Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
FOLDER = Path(__file__).parents[2] / "docs" / "events"


def test_there_is_one_for_every_type():
    assert list(SCHEMAS) == [*EVENT_SHAPES, EXECUTION_NAME]
    assert len(EVENT_SHAPES) == 20


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_so_is_its_example(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    VALIDATORS[name].validate(SCHEMAS[name]["examples"][0])


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_file_in_the_docs_is_current(name):
    """Mend it with `openride schema --out docs/events`."""
    assert (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8") == schema_text(SCHEMAS[name])


def test_the_docs_have_no_file_of_a_type_that_is_gone():
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.schema.json" for name in SCHEMAS}


def test_every_field_has_a_sentence_and_every_sentence_a_field():
    used = {field for shape in [*EVENT_SHAPES.values(), EXECUTION] for field in shape.fields}
    assert used == set(FIELD_DOCS)


def test_personal_fields_are_marked():
    marked = {
        field
        for schema in SCHEMAS.values()
        for field, part in schema["properties"].items()
        if part.get("x-personal")
    }
    assert marked == {"phone", "email", "full_name", "ip_address"}


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_schema_and_decoding_agree(data):
    """A producer who validates first is refused only for what a schema cannot say."""
    name = data.draw(st.sampled_from(list(SCHEMAS)))
    event = data.draw(executions() if name == EXECUTION_NAME else events(name))
    field = data.draw(
        st.sampled_from([field for field in SCHEMAS[name]["properties"] if field != "event_type"])
    )
    if data.draw(st.booleans()):
        event[field] = data.draw(
            st.one_of(st.none(), st.integers(-5, 500), st.booleans(), texts(), st.just([1]))
        )
    # Not by orjson: a producer's integers may be longer than 64 bits.
    value = json.dumps(event, ensure_ascii=False).encode()
    decoded = decode_values(topic_of(name), [value])
    assert VALIDATORS[name].is_valid(event) == (decoded.rejects == [])


@pytest.mark.parametrize("name", SCHEMAS)
def test_missing_fields_are_refused_by_both(name):
    for field in SCHEMAS[name]["required"]:
        event = example(name)
        del event[field]
        assert not VALIDATORS[name].is_valid(event)
        assert decode_values(topic_of(name), [orjson.dumps(event)]).rows == []

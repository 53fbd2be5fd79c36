import asyncio

import orjson
import pytest
from click.testing import CliRunner, Result

from openride_stream.cli.main import cli
from openride_stream.errors import Rejected
from openride_stream.events.topics import TOPICS
from tests.replay.test_sender import create, read

USER = "9b2f0000-1111-4222-8333-444455556666"
REGISTERED = ("user.registered", f"user_id={USER}", "phone=+2348000000000", "role=RIDER")


@pytest.fixture
def kafka_with_topics(fresh_kafka: str) -> str:
    asyncio.run(create(fresh_kafka, [topic.name for topic in TOPICS]))
    return fresh_kafka


def emit(bootstrap: str, *arguments: str, stdin: str | None = None) -> Result:
    env = {"OPENRIDE_KAFKA_BOOTSTRAP_SERVERS": bootstrap}
    return CliRunner().invoke(cli, ["emit", *arguments], env=env, input=stdin)


def only_event(bootstrap: str, topic: str) -> tuple[bytes | None, dict[str, object]]:
    (records,) = asyncio.run(read(bootstrap, [topic], 1)).values()
    return records[0].key, orjson.loads(records[0].value or b"")


def test_arguments_become_an_event_with_identity_and_time(kafka_with_topics: str) -> None:
    outcome = emit(kafka_with_topics, *REGISTERED)
    assert outcome.exit_code == 0
    assert outcome.output.startswith("openride.events.user partition ")
    key, event = only_event(kafka_with_topics, "openride.events.user")
    assert key == USER.encode()
    assert event["phone"] == "+2348000000000"
    assert {"event_id", "event_timestamp"} <= set(event)


def test_a_tier_makes_a_schedule_execution_for_its_topic(kafka_with_topics: str) -> None:
    fields = (f"schedule_id={USER}", "event_type=booking", "event_action=reminder", f"correlation_id={USER}")
    time = "scheduled_at=2026-03-01T10:00:00Z"
    outcome = emit(kafka_with_topics, "redis_immediate", *fields, time, "retry_count=2")
    assert outcome.exit_code == 0, outcome.output
    _, event = only_event(kafka_with_topics, "openride.schedules.redis")
    assert event["retry_count"] == 2
    assert "analytics_id" in event


def test_lines_of_standard_input_are_sent_one_by_one(kafka_with_topics: str) -> None:
    line = f'{{"event_type":"user.activity","user_id":"{USER}","activity_type":"login"}}\n'
    outcome = emit(kafka_with_topics, stdin=line + "\n" + line)
    assert (outcome.exit_code, len(outcome.output.splitlines())) == (0, 2)


@pytest.mark.parametrize("stdin", ["", "\n \n"])
def test_no_event_at_all_is_said_and_no_success(stdin: str) -> None:
    outcome = emit("127.0.0.1:1", stdin=stdin)
    assert outcome.exit_code != 0
    assert "nothing was sent" in str(outcome.exception)


def test_what_the_worker_would_refuse_is_not_sent_unless_asked_for(kafka_with_topics: str) -> None:
    wrong = ("user.activity", "user_id=17", "activity_type=login")
    refused = emit(kafka_with_topics, *wrong)
    assert isinstance(refused.exception, Rejected)
    assert "InvalidField" in str(refused.exception)
    assert emit(kafka_with_topics, *wrong, "--no-check").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("no.such.event",),
        ("user.activity", "no equals sign"),
        ("--json", "{"),
        ("--json", "[1]"),
        ("user.activity", "--json", "{}"),
    ],
)
def test_a_command_line_that_makes_no_event_is_refused(arguments: tuple[str, ...]) -> None:
    assert emit("127.0.0.1:1", *arguments).exit_code == 2

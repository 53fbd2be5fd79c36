"""Schedule executions and their partial updates."""

import orjson
import pytest

from openride_stream.clock import rfc3339
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.registry import UPDATABLE
from openride_stream.events.schedules import CARRIED
from openride_stream.events.topics import TOPICS
from tests.events.batches import DAY_MS, NOW_MS, accepted, decode_values, refused

TIERS = [(topic.name, topic.tier) for topic in TOPICS if topic.tier is not None]
REDIS = "openride.schedules.redis"
FULL = example(EXECUTION_NAME)
ANALYTICS_ID = FULL["analytics_id"]
BARE = {
    name: FULL[name]
    for name in (
        "schedule_id",
        "event_type",
        "event_action",
        "correlation_id",
        "scheduled_at",
        "started_processing_at",
    )
}
STARTED_MS = 1_772_434_800_120
UPDATE = {"update": True, "analytics_id": ANALYTICS_ID, "retry_count": 2}


@pytest.mark.parametrize(("topic", "tier"), TIERS)
def test_the_topic_implies_the_tier(topic, tier):
    assert accepted(topic, BARE)["schedule_type"] == tier
    assert accepted(topic, {**BARE, "schedule_type": tier})["schedule_type"] == tier
    for _, other in TIERS:
        if other != tier:
            reject = refused(topic, {**BARE, "schedule_type": other})
            assert (reject.error, reject.message.split(":")[0]) == ("WrongTopic", "schedule_type")


def test_an_unknown_tier_is_an_invalid_field():
    assert refused(REDIS, {**BARE, "schedule_type": "cron"}).error == "InvalidField"


def test_defaults_of_an_execution():
    row = accepted(REDIS, BARE, timestamp=STARTED_MS + 700)
    assert row["event_timestamp"] == row["started_processing_at"] == STARTED_MS
    assert (row["level"], row["execution_result"]) == ("info", "success")
    assert row["completed_at"] == row["record_timestamp"] == STARTED_MS + 700
    assert row["total_processing_time_ms"] == 700
    assert row["event_id"] == row["analytics_id"]
    assert "is_update" not in row


def test_what_was_sent_is_kept():
    row = accepted(REDIS, {**FULL, "level": "error", "total_processing_time_ms": 7})
    assert (row["level"], row["total_processing_time_ms"]) == ("error", 7)
    assert row["completed_at"] == STARTED_MS + 190
    assert row["analytics_id"] == row["event_id"] == ANALYTICS_ID


@pytest.mark.parametrize(
    ("result", "level"),
    [
        ("success", "info"),
        ("failure", "error"),
        ("timeout", "error"),
        ("cancelled", "info"),
        ("retry", "warning"),
    ],
)
def test_the_level_follows_from_the_result(result, level):
    assert accepted(REDIS, {**BARE, "execution_result": result})["level"] == level
    assert accepted(REDIS, {**BARE, "execution_result": result, "level": None})["level"] == level


def test_a_row_says_which_fields_its_record_carries():
    def carried(sent):
        bits = accepted(REDIS, sent)["carried"]
        return {name for number, name in enumerate(CARRIED) if bits >> number & 1}

    assert set(CARRIED) == UPDATABLE
    assert len(CARRIED) <= 32
    # An execution without a result says that it succeeded; levels and times that are left out may follow.
    assert carried(BARE) == {"execution_result"}
    assert carried({**BARE, "level": None, "retry_count": 0}) == {"execution_result", "retry_count"}
    assert carried({**FULL, "level": "info"}) == {"level", *UPDATABLE & FULL.keys()}
    assert carried({**UPDATE, "error_message": "", "level": None}) == {"retry_count", "error_message"}


def test_processing_time_is_never_negative():
    assert accepted(REDIS, BARE, timestamp=STARTED_MS - 5)["total_processing_time_ms"] == 0


def test_executions_obey_the_limits_on_event_time():
    assert refused(REDIS, BARE, timestamp=STARTED_MS - DAY_MS - 1).error == "TimestampTooFarAhead"
    assert refused(REDIS, {**BARE, "started_processing_at": "2020-01-01T00:00:00Z"}).error == "too_late"


@pytest.mark.parametrize("stamped", [STARTED_MS * 1000, 253_402_300_800_000, 2**62])
def test_a_record_that_is_stamped_in_other_units_brings_no_time_that_nobody_can_tell(stamped):
    row = accepted(REDIS, BARE, timestamp=stamped)
    assert rfc3339(row["record_timestamp"]) == rfc3339(row["completed_at"]) == "2099-12-31T23:59:59.999Z"


def test_an_update_has_no_defaults():
    row = accepted(REDIS, UPDATE, timestamp=NOW_MS - 9)
    assert row.pop("payload").encode() == orjson.dumps(UPDATE)
    event_id = row.pop("event_id")
    assert event_id != ANALYTICS_ID
    assert row == {
        "analytics_id": ANALYTICS_ID,
        "retry_count": 2,
        "is_update": True,
        "carried": 1 << CARRIED.index("retry_count"),
        "schedule_type": "redis_immediate",
        "record_timestamp": NOW_MS - 9,
        "event_timestamp": NOW_MS - 9,
        "topic": REDIS,
        "partition": 3,
        "offset": 0,
    }


def test_two_updates_are_two_events():
    first, second = decode_values(REDIS, [orjson.dumps(UPDATE)] * 2).rows
    assert first["event_id"] != second["event_id"]


def test_an_update_may_carry_its_own_identity():
    event_id = "0d9c9a4c-58c5-43f7-8d8e-6ac9b1f0d07e"
    assert accepted(REDIS, {**UPDATE, "event_id": event_id})["event_id"] == event_id


@pytest.mark.parametrize("field", sorted(UPDATABLE))
def test_every_optional_field_can_be_updated(field):
    value = FULL.get(field, "text")
    row = accepted(REDIS, {"update": True, "analytics_id": ANALYTICS_ID, field: value})
    assert field in row


def test_an_update_must_name_its_execution_and_change_something():
    assert refused(REDIS, {"update": True, "retry_count": 1}).message.startswith("analytics_id: ")
    nothing = refused(
        REDIS, {"update": True, "analytics_id": ANALYTICS_ID, "schedule_id": "x", "level": None}
    )
    assert (nothing.error, nothing.message.split(":")[0]) == ("InvalidField", "update")
    assert refused(REDIS, {**UPDATE, "retry_count": "2"}).message.startswith("retry_count: ")
    assert refused(REDIS, {**UPDATE, "schedule_type": "mongo_periodic"}).error == "WrongTopic"


@pytest.mark.parametrize("flag", [1, "true", {}])
def test_the_update_flag_is_a_boolean(flag):
    assert refused(REDIS, {**FULL, "update": flag}).message.startswith("update: ")


@pytest.mark.parametrize("flag", [False, None])
def test_a_false_flag_means_an_execution(flag):
    assert "is_update" not in accepted(REDIS, {**FULL, "update": flag})


def test_updates_and_executions_share_a_batch():
    values = [orjson.dumps(FULL), orjson.dumps(UPDATE), b"junk", orjson.dumps(BARE)]
    decoded = decode_values(REDIS, values)
    assert [(row["offset"], row.get("is_update", False)) for row in decoded.rows] == [
        (0, False),
        (1, True),
        (3, False),
    ]


def test_a_redriven_record_keeps_the_time_at_which_it_was_first_written():
    headers = [
        ("dlq.topic", REDIS.encode()),
        ("dlq.partition", b"3"),
        ("dlq.offset", b"0"),
        ("dlq.timestamp", str(STARTED_MS + 50).encode()),
    ]
    first = accepted(REDIS, BARE, timestamp=STARTED_MS + 50)
    again = accepted(REDIS, BARE, timestamp=NOW_MS, offset=99, headers=headers)
    assert {**again, "offset": 0} == first
    assert accepted(REDIS, UPDATE, headers=headers)["record_timestamp"] == STARTED_MS + 50


def test_a_record_without_a_timestamp_takes_the_clocks():
    assert accepted(REDIS, BARE, timestamp=-1)["completed_at"] == NOW_MS


def test_a_place_is_optional_here_as_well():
    row = accepted(REDIS, {**BARE, "city": "Lagos", "schema_version": 2})
    assert (row["city"], row["schema_version"]) == ("Lagos", 2)

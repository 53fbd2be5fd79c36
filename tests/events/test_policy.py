"""The policy that the settings make."""

import pytest

from openride_stream.errors import ConfigurationError
from openride_stream.events.policy import DAY_MS, DecodePolicy
from openride_stream.events.topics import TOPICS
from openride_stream.settings import Settings
from tests.events.batches import NOW_MS


def settings_of(**values):
    return Settings(_env_file=None, **values)


def test_settings_become_limits():
    policy = DecodePolicy.from_settings(settings_of(pii_key="k", currency="USD", max_ahead_s=60), "cluster")
    assert (policy.cluster_id, policy.currency, policy.pii_key, policy.max_ahead_ms) == (
        "cluster",
        "USD",
        b"k",
        60_000,
    )


def test_every_table_has_its_retention():
    policy = DecodePolicy.from_settings(settings_of(pii_key="k", retention_location_days=7), "cluster")
    assert set(policy.retention_days) == {topic.table for topic in TOPICS}
    assert (policy.retention_days["location_events"], policy.retention_days["schedule_analytics"]) == (7, 90)
    assert policy.retention_days["trip_events"] == 400


def test_the_floor_is_a_whole_utc_day():
    policy = DecodePolicy.from_settings(settings_of(pii_key="k"), "cluster")
    assert policy.floor_ms("location_events", NOW_MS) % DAY_MS == 0
    assert 30 * DAY_MS <= NOW_MS - policy.floor_ms("location_events", NOW_MS) < 31 * DAY_MS


def test_masking_needs_a_key():
    with pytest.raises(ConfigurationError, match="OPENRIDE_PII_KEY"):
        DecodePolicy.from_settings(settings_of(pii_key=""), "cluster")

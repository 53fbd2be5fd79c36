"""The benchmark's events: the same ones at every run, valid, and in the mix that the contract's load has."""

from collections import Counter
from itertools import islice

import orjson

from bench.feed import PRIMER_DRAWS, PRIMER_SEED
from bench.latency import quantiles
from bench.payloads import WEIGHTS, payloads, stamp
from openride_stream.events.topics import TOPICS
from tests.events.batches import NOW_MS, decode_values


def test_the_same_seed_gives_the_same_events_whatever_their_number() -> None:
    assert list(payloads(300, 1)) == list(islice(payloads(300, 1), 300))
    assert list(payloads(300, 1)) != list(payloads(300, 2))


def test_every_event_is_accepted_and_has_an_id_of_its_own() -> None:
    sent = list(payloads(3_000, 1))
    for topic in {payload.topic for payload in sent}:
        values = [payload.at(stamp(NOW_MS)) for payload in sent if payload.topic == topic]
        assert decode_values(topic, values).rejects == []
    assert len({orjson.loads(payload.value)["event_id"] for payload in sent}) == len(sent)


def test_the_mix_has_all_twenty_types_seventy_percent_pings_and_the_size_of_real_events() -> None:
    values = [payload.value for payload in payloads(10_000, 1)]
    types = Counter(orjson.loads(value)["event_type"] for value in values)
    assert types.keys() == WEIGHTS.keys()
    assert sum(WEIGHTS.values()) == 100
    assert 0.68 < types["driver.location.updated"] / len(values) < 0.72
    assert 320 < sum(map(len, values)) / len(values) < 400


def test_primers_reach_every_partition_of_every_topic_of_events() -> None:
    reached = {(p.topic, p.partition_seed % 8) for p in payloads(PRIMER_DRAWS, PRIMER_SEED)}
    assert len(reached) == 8 * sum(topic.tier is None for topic in TOPICS)


def test_quantiles_are_waits_that_occurred() -> None:
    assert quantiles({10: 98, 500: 2}) == (10.0, 10.0, 500.0)

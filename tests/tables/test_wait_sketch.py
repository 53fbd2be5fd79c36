"""Quantiles of queue times from buckets: near those of the waits themselves, and merged in any order."""

import numpy as np
import pytest

from tables.wait_sketch import ERROR, LONGEST_MS, codes, sketches

SHARES = (0.0, 0.5, 0.95, 0.99, 0.999, 1.0)
RNG = np.random.default_rng(20)
SKEWED = {
    "a log-normal": RNG.lognormal(6, 2, 100_000),
    "Pareto's, without a mean": 50 * RNG.pareto(0.8, 100_000),
    "two queues": np.concatenate([RNG.exponential(3, 95_000), RNG.normal(9e6, 1e5, 5_000)]),
    "mostly none": np.concatenate([np.zeros(98_000), RNG.exponential(2_000, 2_000)]),
    "the longest": np.array([0.0, 1.0, LONGEST_MS]),
    "one": np.array([12_345.0]),
}


@pytest.mark.parametrize("name", SKEWED)
def test_quantiles_of_skewed_waits_are_within_half_a_per_cent(name: str) -> None:
    waits = np.floor(SKEWED[name])
    of_three = sketches(codes(np.full(len(waits), 1), waits), 3)
    assert [sketch.count for sketch in of_three] == [0, len(waits), 0]
    expected = np.quantile(waits, SHARES).tolist()
    assert of_three[1].quantiles_ms(*SHARES) == pytest.approx(expected, rel=ERROR)
    assert of_three[0].quantiles_ms(0.5, 0.99) == [0.0, 0.0]


def test_parts_merge_to_the_whole_in_any_order_and_short_waits_are_exact() -> None:
    waits = np.floor(SKEWED["two queues"])
    coded = codes(np.zeros(len(waits)), RNG.permutation(waits))
    parts = [sketches(part, 1)[0] for part in np.array_split(coded, 7)]
    (whole,) = sketches(coded, 1)
    for order in (parts, parts[::-1]):
        merged = order[0]
        for part in order[1:]:
            merged = merged.merged(part)
        assert merged.count == whole.count
        assert merged.quantiles_ms(*SHARES) == whole.quantiles_ms(*SHARES)
    short = np.arange(10_001.0)
    assert sketches(codes(np.zeros(10_001), short), 1)[0].quantiles_ms(0.5, 0.95, 0.99) == [5000, 9500, 9900]

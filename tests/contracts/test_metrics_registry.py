"""Every metric is named by its unit, explained, typed and documented."""

from pathlib import Path
from typing import get_type_hints

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from openride_stream.metrics import SPECS, Metrics, MetricSpec
from openride_stream.metrics.__main__ import reference_page

ROOT = Path(__file__).parents[2]
TYPES = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_name_ends_with_its_unit(spec: MetricSpec) -> None:
    if spec.kind == "counter":
        assert spec.name.endswith("_total")
    elif spec.unit == "boolean":
        assert not spec.name.endswith("_total")
    else:
        assert spec.name.endswith(f"_{spec.unit}")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_help_is_a_sentence_and_buckets_belong_to_histograms(spec: MetricSpec) -> None:
    assert spec.help[0].isupper() or spec.help[0].isdigit()
    assert spec.help.endswith(".")
    assert bool(spec.buckets) == (spec.kind == "histogram")
    assert list(spec.buckets) == sorted(spec.buckets)


def test_handles_and_declarations_agree() -> None:
    assert get_type_hints(Metrics) == {spec.name: TYPES[spec.kind] for spec in SPECS}
    metrics = Metrics()
    for spec in SPECS:
        assert isinstance(getattr(metrics, spec.name), TYPES[spec.kind])


def test_names_are_unique() -> None:
    assert len({spec.name for spec in SPECS}) == len(SPECS)


def test_exposition_carries_every_metric_and_what_was_counted() -> None:
    metrics = Metrics()
    metrics.rejects_total.labels("openride.events.user", "MissingField").inc(3)
    metrics.dirty_days.set(2)
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    for spec in SPECS:
        assert spec.full_name.removesuffix("_total") in families
    (sample,) = families["openride_rejects"].samples
    assert sample.name == "openride_rejects_total"
    assert sample.labels == {"topic": "openride.events.user", "error": "MissingField"}
    assert sample.value == 3
    assert families["openride_dirty_days"].samples[0].value == 2


def test_two_instances_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.unacked_rows.set(7)
    assert b"openride_unacked_rows 0.0" in second.render()


def test_reference_page_is_current() -> None:
    assert (ROOT / "docs" / "metrics-prometheus.md").read_text() == reference_page(), (
        "run: python -m openride_stream.metrics > docs/metrics-prometheus.md"
    )

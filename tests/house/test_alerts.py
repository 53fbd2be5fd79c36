"""Alert rules ask for series that a worker serves, with labels that these have, in PromQL."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from openride_stream.metrics import SPECS
from tests.fixtures.web import Site

FILES = sorted((Path(__file__).parents[2] / "deploy" / "prometheus").glob("*.rules.yml"))
PLAYED = Path(__file__).with_name("schedules.alerts.yml")
SCRAPED = frozenset({"job", "instance"})
"""Labels that Prometheus gives to each series of a target."""
LABELS = {f"openride_{spec.name}": frozenset(spec.labels) for spec in SPECS} | {
    "process_start_time_seconds": frozenset[str]()
}
SUFFIX = re.compile(r"_(bucket|sum|count)$")
DURATION = re.compile(r"[0-9]+[smhd]")


def rules() -> list[dict[str, Any]]:
    groups = [group for file in FILES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def nodes(expression: Any) -> Iterator[Any]:
    """Every part of an expression, itself first."""
    found: list[Any] = []
    promql.walk(expression, found.append)
    yield from found


def selectors(expression: Any) -> list[Any]:
    """The series that are asked for; a range has one within."""
    return [each for each in nodes(expression) if isinstance(each, promql.VectorSelector)]


def labels_of(selector: Any) -> frozenset[str]:
    """The labels of the series that a selector names."""
    name = selector.name
    bare = name if name in LABELS else SUFFIX.sub("", name)
    return LABELS[bare] | SCRAPED | ({"le"} if name.endswith("_bucket") else set())


async def test_every_series_of_a_rule_is_served(site: Site) -> None:
    async with site.client.get("/metrics") as response:
        served = await response.text()
    families = set(re.findall(r"^# TYPE (\S+) ", served, re.MULTILINE))
    asked = {each.name for rule in rules() for each in selectors(promql.parse(rule["expr"]))}
    assert len(asked) >= 18
    assert {name if name in families else SUFFIX.sub("", name) for name in asked} <= families
    assert 'openride_schedule_queue_limit_seconds{status="degraded"} 30.0' in served
    assert 'openride_schedule_tier_degraded{tier="redis_immediate"} 0.0' in served
    (free,) = re.findall(r'^openride_store_disk_free_bytes\{disk="default"\} (\S+)$', served, re.MULTILINE)
    (total,) = re.findall(r'^openride_store_disk_total_bytes\{disk="default"\} (\S+)$', served, re.MULTILINE)
    assert 0 < float(free) <= float(total)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_rules_are_whole_and_name_labels_that_their_series_have(rule: dict[str, Any]) -> None:
    assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["annotations"].keys() == {"summary", "description"}
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert DURATION.fullmatch(rule["for"])
    expression = promql.parse(rule["expr"])
    assert selectors(expression)
    for each in selectors(expression):
        assert {matcher.name for matcher in each.matchers.matchers} <= labels_of(each), each.name
    for part in nodes(expression):
        if isinstance(part, promql.AggregateExpr) and part.modifier:
            for each in selectors(part.expr):
                assert set(part.modifier.labels) <= labels_of(each), f"{part.prettify()}: {each.name}"
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    # What is compared keeps the labels of its left side.
    assert shown <= labels_of(selectors(expression)[0])


def test_no_two_alerts_have_one_name() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len({*names})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_accepts_them(file: Path) -> None:
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_about_the_scheduler_is_played() -> None:
    groups = yaml.safe_load((PLAYED.parent / yaml.safe_load(PLAYED.read_text())["rule_files"][0]).read_text())
    played = [
        test for each in yaml.safe_load(PLAYED.read_text())["tests"] for test in each["alert_rule_test"]
    ]
    named = {rule["alert"] for group in groups["groups"] for rule in group["rules"]}
    assert {test["alertname"] for test in played if test["exp_alerts"]} == named


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_alerts_about_the_scheduler_fire_when_they_should_and_only_then() -> None:
    done = subprocess.run(["promtool", "test", "rules", str(PLAYED)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""Alert rules ask for series that a worker serves, and Prometheus can read them."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures.web import Site

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "schedules.rules.yml"
SERIES = re.compile(r"openride_[a-z0-9_]+")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


async def test_every_series_of_a_rule_is_served(site: Site) -> None:
    site.metrics.schedule_executions_total.labels("redis_immediate", "failure").inc()
    site.metrics.schedule_queue_seconds.labels("redis_immediate").observe(1)
    async with site.client.get("/metrics") as response:
        served = await response.text()
    names = {line.partition("{")[0].partition(" ")[0] for line in served.splitlines() if line[:1] != "#"}
    asked = {name for rule in rules() for name in SERIES.findall(rule["expr"])}
    assert len(asked) >= 6
    assert asked <= names
    assert 'openride_schedule_queue_limit_seconds{status="degraded"} 30.0' in served
    assert 'openride_schedule_tier_degraded{tier="redis_immediate"} 0.0' in served


def test_rules_are_whole_and_their_brackets_match() -> None:
    for rule in rules():
        assert {"alert", "expr", "for", "labels", "annotations"} <= rule.keys()
        assert rule["labels"]["severity"] in ("warning", "critical")
        for opened, closed in ("()", "[]", "{}"):
            assert rule["expr"].count(opened) == rule["expr"].count(closed), rule["alert"]
        assert rule["expr"].count('"') % 2 == 0


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_accepts_them() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

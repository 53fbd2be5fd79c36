"""Whatever fails when, every figure, every table and every dead letter comes out as the reference has it."""

import os
import time

import pytest

from tests.faults.schedule import Schedule
from tests.faults.stages import Stages

pytestmark = [pytest.mark.faults, pytest.mark.timeout(420)]

GIVEN = os.environ.get("OPENRIDE_FAULTS_SEED")
# Processes that share the schedules must agree on them.
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{time.time_ns():x}"
FIRST = int(GIVEN or int(RUN[-5:], 16) * 100)
COUNT = int(os.environ.get("OPENRIDE_FAULTS_SCHEDULES") or (1 if GIVEN else 12))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_nothing_is_lost_and_nothing_is_doubled_under(seed: int, stages: Stages) -> None:
    schedule = Schedule.of(seed)
    print(f"\n{schedule}", flush=True)
    with stages.play() as play:
        began_s = time.monotonic()
        differences = play.run(schedule)
        took_s, records = time.monotonic() - began_s, len(play.events.records)
        verdict = "\n  ".join([f"{len(differences)} differences", *differences]) if differences else "exact"
        print(f"schedule {seed}: {took_s:.0f} s, {records} records, {play.stage.deaths()} died: {verdict}")
        assert not differences, f"schedule {seed}: {verdict}\n{schedule}\n{play.stage.autopsy()}"

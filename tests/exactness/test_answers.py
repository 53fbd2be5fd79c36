"""Every answer equals the reference's, whatever was sent and on whichever way it came into the store."""

from collections import Counter

import pytest
from hypothesis import event, given, note

from tests.exactness.cases import KINDS, Case, cases
from tests.exactness.histories import Step
from tests.exactness.profiles import DEEP, drawn
from tests.exactness.questions import ENDPOINTS
from tests.exactness.stage import Stage, stage
from tests.reference.endpoints import answer
from tests.reference.figures import Reference

__all__ = ["stage"]

EXAMPLES = 12
LOOKED_THROUGH = 120
EACH_KIND = 3
EMPTY = Reference("NGN")


class Telling:
    """One example on its way: what the store and the reference know of it."""

    def __init__(self, stage: Stage, case: Case, answered: Counter[tuple[str, bool]]) -> None:
        self.stage, self.case, self.answered = stage, case, answered
        self.reference = Reference("NGN")
        self.known: set[int] = set()
        stage.run(stage.empty())

    def take(self, step: Step) -> None:
        for place in sorted({*step.places} - self.known):
            self.reference.add(self.case.log[place].topic, self.case.log[place].value)
        self.known.update(step.places)
        self.stage.run(self.stage.deliver(self.case.log[place] for place in step.places))
        if step.built:
            self.stage.run(self.stage.build())
        if step.looked:
            self.look()

    def look(self) -> None:
        asked, now_ms = self.case.asked, self.case.now_ms
        answers = self.stage.run(self.stage.ask(asked, now_ms))
        for one, found in zip(asked, answers, strict=True):
            expected = answer(self.reference, *one, now_ms)
            assert found == expected, one
            self.answered[one.path, expected == answer(EMPTY, *one, now_ms)] += 1


def kinds_of(case: Case) -> list[str]:
    return [name for name, is_so in KINDS.items() if is_so(case)]


@pytest.mark.timeout(0 if DEEP else 240)
def test_every_answer_is_the_references(stage: Stage) -> None:
    answered: Counter[tuple[str, bool]] = Counter()

    @drawn(EXAMPLES)
    @given(cases())
    def check(case: Case) -> None:
        note(str(case))
        for kind in kinds_of(case):
            event(kind)
        telling = Telling(stage, case, answered)
        for step in case.history:
            telling.take(step)

    check()
    # Every endpoint was asked where there is something to tell, and ranges where there is nothing.
    assert [path for path in ENDPOINTS if not answered[path, False]] == []
    assert sum(times for (_, nothing), times in answered.items() if nothing) > 0


def test_examples_hold_every_kind_of_trouble() -> None:
    found: Counter[str] = Counter()

    @drawn(LOOKED_THROUGH)
    @given(cases())
    def look(case: Case) -> None:
        found.update(kinds_of(case))

    look()
    assert {kind: found[kind] for kind in KINDS if found[kind] < EACH_KIND} == {}

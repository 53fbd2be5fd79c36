"""How much is drawn: little and always the same, or much and each time elsewhere.

`OPENRIDE_HYPOTHESIS=deep` looks deep: at 2,000 examples a test, or at `OPENRIDE_HYPOTHESIS_EXAMPLES`.
"""

import os

import hypothesis
from hypothesis import HealthCheck, Phase

DEEP = os.environ.get("OPENRIDE_HYPOTHESIS") == "deep"
DEEP_EXAMPLES = int(os.environ.get("OPENRIDE_HYPOTHESIS_EXAMPLES", "2000"))


def drawn(examples: int) -> hypothesis.settings:
    """Settings of a property test that draws so many examples, or `DEEP_EXAMPLES` in the deep profile.

    What fails is made as small as it can be, for as long as pytest's time-out leaves (none in the deep one).
    """
    return hypothesis.settings(
        max_examples=DEEP_EXAMPLES if DEEP else examples,
        derandomize=not DEEP,
        database=None,
        deadline=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )

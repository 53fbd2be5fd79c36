"""When which fault strikes: seeded, pure, printable.

A schedule is a function of its seed alone: OPENRIDE_FAULTS_SEED=<seed> plays it again. What a stage has seen
before counts as well: a seed that went wrong late is played again from the first seed of its run.
"""

import random
from dataclasses import dataclass
from typing import Self

SHORTEST_S = 7.0
USUAL_S = 8.0
LONGEST_S = 20.0
MOST_STEPS = 7

# How long a fault lasts, in seconds. A worker that is frozen must outlast the session time-out (6 s at most)
# to become a zombie: one that thinks it owns partitions which others have taken over.
LASTS_S: dict[str, tuple[float, float]] = {
    "worker killed": (0.0, 3.0),
    "worker stopped": (0.0, 2.0),
    "worker frozen": (6.5, 10.0),
    "all workers killed": (0.0, 2.0),
    "clock jumps": (2.0, 9.0),
    "rebalances": (5.0, 9.0),
    "store killed": (0.0, 3.0),
    "store answers 500": (0.5, 5.0),
    "store full": (0.5, 5.0),
    "store slow": (1.0, 6.0),
    "store hangs": (1.0, 6.0),
    "store accepts and fails": (1.0, 5.0),
    "store drops connections": (0.5, 4.0),
    "broker away": (0.5, 8.0),
}


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One fault: when it begins (seconds after the first record), how long it lasts, whom it hits.

    `target` is any number; each fault takes it modulo what there is to hit.
    """

    at_s: float
    fault: str
    for_s: float
    target: int

    def __str__(self) -> str:
        return f"{self.at_s:5.1f} s  {self.fault} for {self.for_s:.1f} s (target {self.target})"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The faults of one run; the stream is sent evenly over `lasts_s` seconds."""

    seed: int
    lasts_s: float
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, seed: int, faults: tuple[str, ...] = tuple(LASTS_S)) -> Self:
        """The schedule of a seed; every step begins while the stream still flows."""
        dice = random.Random(f"schedule {seed}")
        lasts_s = round(dice.triangular(SHORTEST_S, LONGEST_S, USUAL_S), 1)
        steps = []
        for _ in range(dice.randint(2, MOST_STEPS)):
            fault = dice.choice(faults)
            shortest_s, longest_s = LASTS_S[fault]
            for_s = round(min(dice.uniform(shortest_s, longest_s), lasts_s), 1)
            at_s = round(dice.uniform(0.0, max(0.0, lasts_s - for_s)), 1)
            steps.append(Step(at_s, fault, for_s, dice.randrange(1_000)))
        return cls(seed, lasts_s, tuple(sorted(steps)))

    def __str__(self) -> str:
        lines = [f"schedule {self.seed} ({self.lasts_s} s); OPENRIDE_FAULTS_SEED={self.seed} plays it again"]
        return "\n  ".join([*lines, *map(str, self.steps)])

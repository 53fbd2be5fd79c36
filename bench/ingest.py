"""Every chosen peer in turn, several times over, on the same events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.measuring import Figures, Load, measure
from bench.payloads import payloads
from bench.peers import PEERS

_SEED: Final = 2026
_PACED_S: Final = 10
_PACED_SEED: Final = 2027


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for: `events` in the backlog, `repeats` of `names`, at most `rate_per_s` paced."""

    events: int
    repeats: int
    names: tuple[str, ...]
    rate_per_s: int


async def run(plan: Plan, tell: Callable[[str], None]) -> dict[str, list[Figures]]:
    """The figures of every repeat, by peer; repeats are interleaved, so that a slow minute hits all alike."""
    paced = min(plan.events, plan.rate_per_s * _PACED_S)
    load = Load(
        backlog=list(payloads(plan.events, _SEED)),
        paced=list(payloads(paced, _PACED_SEED)),
        rate_per_s=plan.rate_per_s,
    )
    runs: dict[str, list[Figures]] = {name: [] for name in plan.names}
    for repeat in range(1, plan.repeats + 1):
        for name in plan.names:
            figures = await measure(name, PEERS[name], load)
            runs[name].append(figures)
            tell(_line(name, repeat, plan.repeats, figures))
    return runs


def _line(name: str, repeat: int, repeats: int, figures: Figures) -> str:
    spent = f"{figures.events_per_s:,.0f} events/s, {figures.cpu_us_per_event:.1f} µs of CPU an event"
    return f"{repeat}/{repeats} {name}: {spent}"


def chosen(only: Sequence[str]) -> tuple[str, ...]:
    """The peers to run, in the order of the registry; all when none is named."""
    return tuple(name for name in PEERS if not only or name in only)

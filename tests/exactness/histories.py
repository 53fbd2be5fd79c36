"""What happens to a log on its way into the store: in parts, out of order, again, with rounds between."""

import random
from dataclasses import dataclass

from hypothesis import strategies as st


@dataclass(frozen=True, slots=True)
class Step:
    """Places in the log that are delivered together, in this order; then, where so drawn, a round and a look.

    The round is before the look: built days, and those that a later step touches again, are asked for.
    """

    places: tuple[int, ...]
    built: bool
    looked: bool


History = tuple[Step, ...]


@st.composite
def histories(draw: st.DrawFn, length: int) -> History:
    """Every record is delivered at least once; all that was is asked for in the end, from events and builds.

    The last step delivers everything again, or nothing.
    """
    order = list(range(length))
    disorder = draw(st.integers(0, 999))
    if disorder:
        random.Random(disorder).shuffle(order)
    cuts = sorted(draw(st.lists(st.integers(1, length), max_size=2)))
    steps = []
    for start, end in zip((0, *cuts), (*cuts, length), strict=True):
        again = draw(st.lists(st.integers(0, end - 1), max_size=3))
        places = (*order[start:end], *(order[place] for place in again))
        last = end == length and len(steps) == len(cuts)
        built, looked = draw(st.booleans()), not draw(st.integers(0, 2))
        steps.append(Step(places, built=built and not last, looked=looked or last))
    # Read again from an older offset, in another order, every day is dirty once more; or all are built.
    again = tuple(sorted(order, key=lambda place: -order[place])) if draw(st.booleans()) else ()
    return (*steps, Step(again, built=not again, looked=True))

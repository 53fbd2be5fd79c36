"""Waiting between retries: exponential, with jitter, bounded."""

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double from `first_ms` up to `longest_ms`, each shortened by up to half at random.

    The jitter keeps workers that failed together from coming back together.
    """

    first_ms: int
    longest_ms: int

    def pauses_s(self) -> Iterator[float]:
        """An endless series of pauses in seconds."""
        pause_ms = self.first_ms
        while True:
            yield pause_ms / 1000 * random.uniform(0.5, 1.0)
            pause_ms = min(pause_ms * 2, self.longest_ms)

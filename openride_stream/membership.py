"""Since when the consumer group shares its partitions out anew, as one worker knows it."""

from openride_stream.clock import Clock


class Membership:
    """Told when a rebalance begins and when partitions are there again, recovered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ever_settled = False
        self._unsettled_since_s: float | None = None

    def unsettled(self) -> None:
        """A rebalance begins, perhaps in the middle of another one, which then counts as one with it."""
        if self._unsettled_since_s is None:
            self._unsettled_since_s = self._clock.monotonic_s()

    def settled(self) -> None:
        """The worker has its partitions."""
        self._ever_settled, self._unsettled_since_s = True, None

    def is_passing(self, within_s: float) -> bool:
        """Whether a worker that had its partitions lost them to a rebalance less than `within_s` ago.

        It may well have them again in a moment: others come and go.
        """
        since_s = self._unsettled_since_s
        return self._ever_settled and since_s is not None and self._clock.monotonic_s() - since_s < within_s

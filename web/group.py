"""This worker's place in the consumer group, as Faust knows it."""

from dataclasses import dataclass

from openride_stream.app import OpenRideApp
from openride_stream.transport.batches import Consumer
from tables.live import LiveTables
from web.context import Progress


@dataclass(frozen=True, slots=True)
class FaustGroup:
    """`GroupMember` over a Faust app. Safe to ask at any moment, started or not."""

    app: OpenRideApp
    live: LiveTables

    def trouble(self) -> str | None:
        """Why the worker has no settled partitions now; None when it has (it may own none of them)."""
        if self.app.rebalancing_count == 0:
            return "the worker has not joined its consumer group yet"
        if self.app.rebalancing:
            return "partitions are being reassigned"
        return None

    def unready(self) -> str | None:
        """Why it should be sent no requests: it has no settled partitions, and not just for a moment.

        A rebalance stops every worker of the group, each time that one comes or goes; none of them answers
        the worse for it.
        """
        trouble = self.trouble()
        passing = self.app.membership.is_passing(self.app.settings.broker_session_timeout_s)
        return None if passing else trouble

    def progress(self) -> Progress:
        """Lag and commit age, from the consumer's last fetch and commit."""
        if self.trouble():
            return Progress()
        consumer = self.app.consumer
        assert isinstance(consumer, Consumer), "the app reads through the batch transport"
        return Progress(
            {(tp.topic, tp.partition): lag for tp, lag in consumer.lag_records().items()},
            consumer.last_commit_age_s(),
            self.live.sizes(),
        )

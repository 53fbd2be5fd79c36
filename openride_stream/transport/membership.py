"""Where aiokafka's consumer stands in its group: what it knows, and Faust does not ask it."""

from aiokafka import AIOKafkaConsumer


def rejoins(consumer: AIOKafkaConsumer) -> bool:
    """Whether its partitions are up for reassignment: from the revocation until others are assigned."""
    return bool(consumer._subscription.reassignment_in_progress)


def loss(consumer: AIOKafkaConsumer) -> str | None:
    """Why it takes no further part in the group, for good; None while it does.

    After an error that it has no answer to, aiokafka waits for the application to ask for records, and so to
    be told. Faust asks past the place where it would be: the worker would keep its partitions, as it
    thinks, and never commit nor join again.
    """
    coordinator = consumer._coordinator
    if coordinator is None:  # it is still connecting, and has not joined yet
        return None
    task = coordinator._coordination_task
    error = coordinator._pending_exception
    if task.done() and not task.cancelled():
        error = task.exception() or error
    return None if error is None else f"{error or type(error).__name__}"

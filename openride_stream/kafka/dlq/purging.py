"""Purge: delete the oldest dead letters of a topic, where the broker can."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, PolicyViolationError

from openride_stream.errors import OpenRideError
from openride_stream.events.letters import Letter
from openride_stream.kafka.admin import open_admin
from openride_stream.kafka.dlq.reading import Extent, Reader
from openride_stream.kafka.dlq.redriving import SLICE_LETTERS, Ledger, slices
from openride_stream.settings import Settings

_CANNOT: Final = (
    "this broker cannot delete records (the embedded broker cannot): dead letters go with the retention of "
    "their topics, or when the broker ends"
)


class PurgeRefused(OpenRideError):
    """The broker cannot, or may not, delete records; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Cut:
    """In `extent`, all before the offset `until` goes: `letters`, of which `open` were never redriven."""

    extent: Extent
    until: int
    letters: int
    open: int


async def cuts_before(
    reader: Reader, before_ms: int | None, ledger: Ledger, seen: Callable[[], None] = lambda: None
) -> list[Cut]:
    """Where to cut each partition so that what goes was dead-lettered before `before_ms` (None: all of it).

    Kafka deletes from the oldest on only: the first letter that is younger keeps all behind it. `seen` is
    called now and then.
    """
    cuts = {(extent.topic, extent.partition): Cut(extent, extent.start, 0, 0) for extent in reader.extents}
    closed: set[tuple[str, int]] = set()
    async for run in reader.runs():
        seen()
        place = run[0].topic, run[0].partition
        if place in closed:
            continue
        going = _going(run, before_ms)
        if len(going) < len(run):
            closed.add(place)
        if going:
            cuts[place] = await _longer(cuts[place], going, ledger)
    return [cut for cut in cuts.values() if cut.letters]


async def _longer(cut: Cut, going: Sequence[Letter], ledger: Ledger) -> Cut:
    unsent = 0
    for letters in slices(going, SLICE_LETTERS):
        unsent += list(await ledger.redriven(letters)).count(False)
    return Cut(cut.extent, going[-1].offset + 1, cut.letters + len(going), cut.open + unsent)


async def purge(settings: Settings, cuts: Sequence[Cut]) -> Mapping[TopicPartition, int]:
    """Delete; returns the new first offset of each partition of a dead-letter topic.

    Raises:
        PurgeRefused: the broker has no DeleteRecords, or the topic's policy forbids it.
        BrokerUnavailable: no broker answered.
    """
    return await _delete(settings, {cut.extent.place: cut.until for cut in cuts})


async def require_deletion(settings: Settings, cuts: Sequence[Cut]) -> None:
    """Check that `purge` could, without deleting anything: it asks to delete what is gone already.

    What a broker says of itself is not enough: the embedded one claims to have DeleteRecords.

    Raises:
        PurgeRefused: the broker has no DeleteRecords, or the topic's policy forbids it.
        BrokerUnavailable: no broker answered.
    """
    await _delete(settings, {cut.extent.place: cut.extent.start for cut in cuts})


async def _delete(settings: Settings, before: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
    targets = {place: RecordsToDelete(offset) for place, offset in before.items()}
    if not targets:
        return {}
    async with open_admin(settings) as admin:
        try:
            answered: Mapping[TopicPartition, int] = await admin.delete_records(targets)
        except PolicyViolationError as error:
            message = f"the topic's cleanup.policy forbids deleting records: {error}"
            raise PurgeRefused(message) from error
        except (IncompatibleBrokerVersion, KafkaConnectionError) as error:
            # The embedded broker hangs up on DeleteRecords. A broker that is away fails here instead.
            await admin.describe_cluster()
            raise PurgeRefused(_CANNOT) from error
        return answered


def _going(run: Sequence[Letter], before_ms: int | None) -> Sequence[Letter]:
    if before_ms is None:
        return run
    keep = next((place for place, letter in enumerate(run) if letter.timestamp_ms >= before_ms), len(run))
    return run[:keep]

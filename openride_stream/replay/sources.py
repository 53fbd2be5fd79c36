"""What a replay is asked for, and the parcels that come of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Final

from openride_stream.clock import Clock
from openride_stream.replay.dressing import Roughness, dressed, retention_by_table, roughened
from openride_stream.replay.eventfiles import BadEventFile, holds_events, read_parcels
from openride_stream.replay.lifecycle import Pass, Recipe, make_pass, shift_to_end
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.simulation import Simulation
from openride_stream.replay.story import Tariff
from openride_stream.replay.trips import BadTripFile, Trip, read_trips
from openride_stream.settings import Settings

_NOTHING_SENT: Final = "; nothing was sent"


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for; `end_ms` is None for now, `currency` is that of the fares.

    With `due` it is the scheduler alone: so many times that a schedule is due, over `days`.
    """

    file: Path | None
    speed: float | None
    keep_times: bool
    loop: bool
    end_ms: int | None
    reminder_share: float
    limit: int | None
    roughness: Roughness
    currency: str
    due: int | None = None
    days: int = 1

    def holds_events(self) -> bool:
        """Whether the file is one of events, to be sent as they are."""
        return self.file is not None and holds_events(self.file)

    def recipe(self, settings: Settings, shift_ms: int, loop: int) -> Recipe:
        """The recipe of pass number `loop`; locations that their table no longer keeps are not told."""
        days = None if self.keep_times else settings.retention_location_days - 2
        tariff = Tariff(self.currency, settings.currency)
        return Recipe(self.roughness.seed, shift_ms, loop, tariff, self.reminder_share, days)


@dataclass(frozen=True, slots=True)
class Source:
    """Parcels, and the event times that they span (ms since the epoch) where that is known."""

    parcels: Iterator[Parcel]
    start_ms: int | None = None
    end_ms: int | None = None


def open_source(order: Order, settings: Settings, clock: Clock) -> Source:
    """The order's parcels, after a look at the whole file.

    Raises:
        BadEventFile: a line of a file of events cannot be sent.
        BadTripFile: a line of a file of trips cannot be read.
    """
    if order.due is not None:
        return _simulated(order, order.due, settings, clock)
    if order.file is not None and order.holds_events():
        _check_events(order.file)
        days = retention_by_table(settings)
        return Source(roughened(read_parcels(order.file), order.file.name, order.roughness, days))
    trips = _trips(order)
    first = _pass(order, settings, clock, trips, 0)
    if not order.loop:
        return Source(_dressed(first, order, settings), first.start_ms, first.end_ms)
    later = (_pass(order, settings, clock, trips, number) for number in count(1))
    passes = (_dressed(one, order, settings) for one in chain([first], later))
    return Source(chain.from_iterable(passes), first.start_ms)


def _simulated(order: Order, due: int, settings: Settings, clock: Clock) -> Source:
    end_ms = clock.now_ms() if order.end_ms is None else order.end_ms
    simulation = Simulation(due, order.days, end_ms, order.roughness.seed)
    days = retention_by_table(settings)
    parcels = dressed(simulation.events(), simulation.scope, order.roughness, days)
    return Source(parcels, simulation.start_ms, end_ms)


def _trips(order: Order) -> list[Trip]:
    try:
        return read_trips(order.file, order.limit)
    except BadTripFile as error:
        message = f"{error}{_NOTHING_SENT}"
        raise BadTripFile(message) from error


def _check_events(path: Path) -> None:
    # Twice through the file rather than half of it sent: its lines may be more than memory holds.
    try:
        for _ in read_parcels(path):
            pass
    except BadEventFile as error:
        message = f"{error}{_NOTHING_SENT}"
        raise BadEventFile(message) from error


def _pass(order: Order, settings: Settings, clock: Clock, trips: list[Trip], loop: int) -> Pass:
    end_ms = clock.now_ms() if order.end_ms is None else order.end_ms
    shift_ms = 0 if order.keep_times else shift_to_end(trips, end_ms)
    return make_pass(trips, order.recipe(settings, shift_ms, loop))


def _dressed(one: Pass, order: Order, settings: Settings) -> Iterator[Parcel]:
    scope = one.recipe.ids().scope
    return dressed(one.events(), scope, order.roughness, retention_by_table(settings))

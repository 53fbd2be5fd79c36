"""The demonstration: a month of rides that ends now, and then the city goes on, live and at the same pace.

What has been sent is on record in the data folder, so that a program that starts again goes on where
it was, instead of inventing a second month. A stretch sent twice is the same events, byte for byte.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar, Final, Self

import orjson

from openride_stream.clock import Clock
from openride_stream.errors import BrokerUnavailable
from openride_stream.events.topics import BY_NAME
from openride_stream.replay.clockwork import AtOnce, Live
from openride_stream.replay.dressing import Roughness, dressed, retention_by_table
from openride_stream.replay.lifecycle import LiveCity, Pass, Recipe, make_pass, shift_to_end
from openride_stream.replay.progress import LogMeter
from openride_stream.replay.run import Outlet, Replay, pause
from openride_stream.replay.sender import Sender
from openride_stream.replay.story import DAY_MS, HOUR_MS, Tariff
from openride_stream.replay.trips import CURRENCY, Trip
from openride_stream.replay.wheel import Wheel
from openride_stream.settings import Settings

LOG = logging.getLogger(__name__)
MAX_RECORDS: Final = 2_000_000  # 1.3 GB in the embedded broker, which frees nothing
LONGEST_GAP_MS: Final = DAY_MS  # a stack that was down for longer has a hole in its figures
HEAD_START_MS: Final = 4 * HOUR_MS  # rides that were under way when the month ended began since then
RECONNECT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Diary:
    """What the demonstration has sent: kept in the data folder.

    The month ends at `end_ms`; everything due before `sent_until_ms` has been acknowledged (0: not all
    of the month; `begin_ms`: nothing live). Live rides are those that begin at `begin_ms` or later.
    """

    FILE: ClassVar[str] = "replay.json"

    seed: int
    end_ms: int
    begin_ms: int
    sent_until_ms: int = 0

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The diary at `path`; None when there is none, or none that can be read."""
        try:
            return cls(**orjson.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Replace the diary at `path` in one step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_bytes(orjson.dumps(asdict(self)))
        draft.replace(path)

    def resumed(self, now_ms: int) -> Self:
        """The diary after a pause: a gap that is too long to be told is left out."""
        if self.sent_until_ms and now_ms - self.sent_until_ms > LONGEST_GAP_MS:
            start_ms = now_ms - LONGEST_GAP_MS
            return replace(self, begin_ms=start_ms, sent_until_ms=start_ms)
        return self


class Demo:
    """Runs the demonstration until it is stopped, over every restart of the broker."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        outlet: Outlet,
        trips: Sequence[Trip],
        *,
        roughness: Roughness,
        reminder_share: float,
        max_records: int = MAX_RECORDS,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._outlet = outlet
        self._stop = outlet.stop
        self._wheel = Wheel.of(trips)
        self._roughness = roughness
        self._reminder_share = reminder_share
        self._left = max_records
        self._path = settings.data_dir / Diary.FILE
        self.sent = 0

    async def run(self) -> None:
        """Backfill what is missing, then go on live; returns when stopped."""
        diary = self._diary()
        past = self._past(diary)
        while not self._stop.is_set():
            sender = Sender(self._settings)
            try:
                await sender.start(tuple(BY_NAME))
                diary = await self._send(sender, past, diary)
            except BrokerUnavailable as error:
                LOG.warning("replay: %s; trying again", error)
                diary = Diary.read(self._path) or diary
                await pause(self._stop, RECONNECT_S)
            finally:
                await sender.close()

    def _diary(self) -> Diary:
        now_ms = self._clock.now_ms()
        diary = Diary.read(self._path)
        if diary is None or diary.seed != self._roughness.seed:
            diary = Diary(self._roughness.seed, now_ms, now_ms - HEAD_START_MS)
        diary = diary.resumed(now_ms)
        diary.write(self._path)
        return diary

    def _past(self, diary: Diary) -> Pass:
        days = self._settings.retention_location_days - 2
        shift_ms = shift_to_end(self._wheel.trips, diary.end_ms)
        tariff = Tariff(CURRENCY, self._settings.currency)
        recipe = Recipe(diary.seed, shift_ms, 0, tariff, self._reminder_share, days)
        return make_pass(self._wheel.trips, recipe)

    async def _send(self, sender: Sender, past: Pass, diary: Diary) -> Diary:
        if not diary.sent_until_ms:
            LOG.info("replay: a month of rides, at full speed")
            await self._backfill(sender, past)
            if self._stop.is_set():
                return diary
            diary = replace(diary, sent_until_ms=diary.begin_ms)
            diary.write(self._path)
        if self._left > 0:
            LOG.info("replay: live")
            await self._live(sender, past, diary)
        if not self._stop.is_set():
            LOG.warning("replay: sent as much as the embedded broker's memory bears; silent from now on")
            await self._stop.wait()
        return diary

    async def _backfill(self, sender: Sender, past: Pass) -> None:
        scope = past.recipe.ids().scope
        parcels = dressed(past.events(), scope, self._roughness, retention_by_table(self._settings))
        replay = self._replay(sender)
        try:
            await replay.run(parcels, AtOnce())
        finally:
            self._count(replay)
        LOG.info("replay: the month is sent: %s records", f"{replay.totals.records:,}")

    async def _live(self, sender: Sender, past: Pass, diary: Diary) -> None:
        city = LiveCity(past, self._wheel)
        # Routes of the first rides were opened before them.
        resume_ms = diary.sent_until_ms if diary.sent_until_ms > diary.begin_ms else 0
        events = city.events(diary.begin_ms, resume_ms)
        scope = f"{past.recipe.ids().scope}|{diary.sent_until_ms}"
        parcels = dressed(events, scope, self._roughness, retention_by_table(self._settings))

        def checkpoint(at_ms: int) -> None:
            replace(diary, sent_until_ms=max(at_ms, diary.sent_until_ms)).write(self._path)

        replay = self._replay(sender, checkpoint)
        try:
            await replay.run(parcels, Live(self._clock))
            checkpoint(replay.totals.at_ms)
        finally:
            self._count(replay)

    def _replay(self, sender: Sender, checkpoint: Callable[[int], None] | None = None) -> Replay:
        outlet, meter = replace(self._outlet, sender=sender), LogMeter(self._clock)
        return Replay(outlet, self._clock, meter, max_records=self._left, checkpoint=checkpoint)

    def _count(self, replay: Replay) -> None:
        self.sent += replay.totals.records
        self._left -= replay.totals.records

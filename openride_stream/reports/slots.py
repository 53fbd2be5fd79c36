"""When a report is due, in its own time zone, and which days it is about."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from openride_stream.api.choices import ReportRange
from openride_stream.clock import midnight
from openride_stream.errors import Rejected

_NAMED: Final = {"daily": "0 6 * * *", "weekly": "0 6 * * 1", "monthly": "0 6 1 * *"}
_RANGES: Final[dict[str, ReportRange]] = {
    "daily": "previous_day",
    "weekly": "previous_week",
    "monthly": "previous_month",
}
_LOOKED_AT: Final = 60
_LEAST: Final = timedelta(hours=1)
_FIELDS: Final = 5


class FrequencyRefused(Rejected):
    """The frequency is none; the message says why, for who wrote it."""


def check(frequency: str, zone: str, now: datetime) -> None:
    """Pass a frequency that names moments, no more than one an hour.

    Raises:
        FrequencyRefused: it does not.
    """
    if len(_cron(frequency).split()) != _FIELDS:
        message = "is daily, weekly, monthly or a cron expression of five fields"
        raise FrequencyRefused(message)
    try:
        found = list(islice(CronSim(_cron(frequency), now.astimezone(ZoneInfo(zone))), _LOOKED_AT))
    except CronSimError as error:
        message = f"is daily, weekly, monthly or a cron expression of five fields: {error}"
        raise FrequencyRefused(message) from None
    except RuntimeError:
        found = []
    if not found:
        message = "names no moment in the years to come"
        raise FrequencyRefused(message)
    # In UTC: the difference of two times of one zone does not know of changes of its clocks.
    moments = [moment.astimezone(UTC) for moment in found]
    if any(later - earlier < _LEAST for earlier, later in pairwise(moments)):
        message = "comes more than once an hour"
        raise FrequencyRefused(message)


def next_slot(frequency: str, zone: str, after: datetime) -> datetime:
    """The first moment after `after` (UTC) at which the report is due.

    A time that a change of clocks leaves out is due right after it, one that comes twice is due once.
    """
    found = (moment.astimezone(UTC) for moment in CronSim(_cron(frequency), after.astimezone(ZoneInfo(zone))))
    # In an hour that comes twice cronsim goes by the clock on the wall, which was there before.
    return next(moment for moment in found if moment > after)


def slots_until(frequency: str, zone: str, first: datetime, now: datetime) -> list[datetime]:
    """The moments (UTC) from `first` up to `now` at which it was due; `first` is one of them."""
    due = [first]
    for found in CronSim(_cron(frequency), first.astimezone(ZoneInfo(zone))):
        moment = found.astimezone(UTC)
        if moment > now:
            break
        # In an hour that comes twice cronsim goes by the clock on the wall.
        if moment > due[-1]:
            due.append(moment)
    return due


def usual_range(frequency: str) -> ReportRange:
    """What a report of that frequency is about, unless somebody says otherwise."""
    return _RANGES.get(frequency, "last_7_days")


def range_of(kind: ReportRange, zone: str, at: datetime) -> tuple[datetime, datetime]:
    """The range [start, end), in UTC, of days of the zone that are over at the moment `at`."""
    today = at.astimezone(ZoneInfo(zone)).date()
    if kind == "previous_week":
        end = today - timedelta(days=today.weekday())
        start = end - timedelta(days=7)
    elif kind == "previous_month":
        end = today.replace(day=1)
        start = (end - timedelta(days=1)).replace(day=1)
    else:
        end = today
        start = end - timedelta(days={"previous_day": 1, "last_7_days": 7, "last_30_days": 30}[kind])
    return midnight(start, zone), midnight(end, zone)


def range_before(kind: ReportRange, zone: str, start: datetime) -> tuple[datetime, datetime]:
    """The range of the same kind that ends where this one starts."""
    return range_of(kind, zone, start)


def _cron(frequency: str) -> str:
    fields = _NAMED.get(frequency, frequency).split()
    if len(fields) == _FIELDS and fields[1] not in ("*", "*/1"):
        # What begins with a star is left out, or comes twice, when clocks change: to cronsim it has no hour.
        fields[:2] = fields[0].replace("*", "0-59"), fields[1].replace("*", "0-23")
    return " ".join(fields)

"""Reads taxi trips: New York's published columns to `Trip`."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from openride_stream.errors import Rejected
from openride_stream.replay.zones import Zone, zone_of

SHIPPED: Final = "nyc_tlc_2019_03_taxis.csv"
CURRENCY: Final = "USD"  # of New York's published fares
COLUMNS: Final = (
    *("pickup", "dropoff", "passengers", "distance", "total", "payment"),
    *("pickup_zone", "dropoff_zone", "pickup_borough", "dropoff_borough"),
)
NEW_YORK: Final = ZoneInfo("America/New_York")
KM_PER_MILE: Final = 1.609344
METHODS: Final = {"credit card": "card", "cash": "cash"}


class BadTripFile(Rejected):
    """The file is not a CSV of trips; the message names the line and the column."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One published trip, at the time when it was made.

    `pickup_ms` and `dropoff_ms` are milliseconds since the epoch, UTC; `fare` and `total` are the row's
    amounts, in whatever currency the file is in (`CURRENCY` for New York's).
    """

    row: int
    pickup_ms: int
    dropoff_ms: int
    passengers: int
    distance_km: float
    fare: Decimal
    total: Decimal
    method: str
    pickup: Zone
    dropoff: Zone


def read_trips(path: Path | None = None, limit: int | None = None) -> list[Trip]:
    """Trips of a CSV file (default: the shipped ones) by pickup time; `limit` keeps the first so many.

    Raises:
        BadTripFile: a column is missing or a cell cannot be read.
    """
    if path is None:
        text = files("openride_stream.replay").joinpath("data", SHIPPED).read_text("utf-8")
        trips = parse_trips(text.splitlines())
    else:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            trips = parse_trips(lines)
    if not trips:
        message = f"{path or SHIPPED}: no trips in it"
        raise BadTripFile(message)
    return trips[:limit]


def parse_trips(lines: Iterable[str]) -> list[Trip]:
    """Trips of CSV lines (the first one names the columns), by pickup time."""
    reader = csv.DictReader(lines)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        message = f"not a file of trips: no column {', '.join(missing)}"
        raise BadTripFile(message)
    trips = [_trip(number, row) for number, row in enumerate(reader)]
    return sorted(trips, key=lambda trip: (trip.pickup_ms, trip.row))


def _trip(number: int, row: dict[str, str]) -> Trip:
    try:
        pickup_ms = _utc_ms(row["pickup"])
        return Trip(
            row=number,
            pickup_ms=pickup_ms,
            # The hour that repeats when summer time ends can make a trip end before it began.
            dropoff_ms=max(pickup_ms, _utc_ms(row["dropoff"])),
            passengers=min(8, max(1, int(row["passengers"]))),
            distance_km=round(float(_amount(row["distance"])) * KM_PER_MILE, 2),
            fare=_amount(row.get("fare") or row["total"]),
            total=_amount(row["total"]),
            method=METHODS.get(row["payment"], row["payment"] or "unspecified"),
            pickup=zone_of(row["pickup_zone"], row["pickup_borough"]),
            dropoff=zone_of(row["dropoff_zone"], row["dropoff_borough"]),
        )
    except (ValueError, ArithmeticError, TypeError, AttributeError) as error:
        message = f"trip on line {number + 2}: {error}"
        raise BadTripFile(message) from error


def _utc_ms(local: str) -> int:
    """Milliseconds since the epoch of a New York time; one with an offset is taken as it is."""
    moment = datetime.fromisoformat(local)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=NEW_YORK)
    return int(moment.astimezone(UTC).timestamp() * 1000)


def _amount(cell: str) -> Decimal:
    amount = Decimal(cell)
    if not amount.is_finite() or amount < 0:
        message = f"{cell} is not an amount"
        raise ValueError(message)
    return amount.quantize(Decimal("0.01"))

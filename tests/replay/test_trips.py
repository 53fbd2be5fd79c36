from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from openride_stream.replay.trips import COLUMNS, BadTripFile, parse_trips, read_trips
from openride_stream.replay.zones import BOROUGHS, zone_of

HEADER = ",".join(COLUMNS)


def row(**cells: str) -> str:
    whole = {
        **{"pickup": "2019-03-23 20:21:09", "dropoff": "2019-03-23 20:27:24", "passengers": "1"},
        **{"distance": "1.6", "total": "12.95", "payment": "credit card", "pickup_zone": "Astoria"},
        **{"dropoff_zone": "Bath Beach", "pickup_borough": "Queens", "dropoff_borough": "Brooklyn"},
        **cells,
    }
    return ",".join(whole[name] for name in COLUMNS)


def test_every_shipped_trip_is_read_in_order_of_pickup() -> None:
    trips = read_trips()
    assert len(trips) == 6433
    assert [trip.pickup_ms for trip in trips] == sorted(trip.pickup_ms for trip in trips)
    assert {trip.method for trip in trips} == {"card", "cash", "unspecified"}
    assert all(1 <= trip.passengers <= 8 and trip.dropoff_ms >= trip.pickup_ms for trip in trips)


def test_times_are_new_yorks_and_amounts_stay_as_they_are() -> None:
    (trip,) = parse_trips([HEADER, row()])
    # Summer time: four hours behind UTC.
    assert trip.pickup_ms == int(datetime(2019, 3, 24, 0, 21, 9, tzinfo=UTC).timestamp()) * 1000
    assert (trip.total, trip.distance_km, trip.method) == (Decimal("12.95"), 2.57, "card")


def test_a_trip_over_the_hour_that_repeats_never_ends_before_it_began() -> None:
    times = {"pickup": "2019-11-03 01:50:00", "dropoff": "2019-11-03 01:10:00"}
    (trip,) = parse_trips([HEADER, row(**times)])
    assert trip.dropoff_ms == trip.pickup_ms


@pytest.mark.parametrize(
    "cells",
    [{"pickup": "soon"}, {"total": "NaN"}, {"distance": "-1"}, {"total": "free"}, {"passengers": ""}],
)
def test_a_cell_that_cannot_be_read_is_named_by_its_line(cells: dict[str, str]) -> None:
    with pytest.raises(BadTripFile, match="line 3"):
        parse_trips([HEADER, row(), row(**cells)])


def test_a_file_without_the_columns_says_which(tmp_path: Path) -> None:
    with pytest.raises(BadTripFile, match="no column pickup, dropoff"):
        parse_trips(["a,b", "1,2"])
    empty = tmp_path / "trips.csv"
    empty.write_text(HEADER + "\n")
    with pytest.raises(BadTripFile, match="no trips"):
        read_trips(empty)


def test_zones_stay_within_their_borough_and_missing_ones_are_somewhere_in_the_city() -> None:
    zone = zone_of("Astoria", "")
    lat, lon, radius = BOROUGHS["Queens"]
    assert (zone.city, zone.state) == ("Queens", "NY")
    assert abs(zone.lat - lat) <= radius
    assert abs(zone.lon - lon) <= radius
    assert zone_of("", "").city == "New York"
    assert (zone_of("Newark Airport", "").city, zone_of("Newark Airport", "").state) == ("Newark", "NJ")

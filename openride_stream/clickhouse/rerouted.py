"""Bookings that changed their route: days of payments were built with the one before.

A payment has the place of its booking's route. Once that is known it is kept with the payment: a booking does
not change its route but when an event that is earlier, or another content of one, comes in late and names
another. A round looks at the bookings whose events came in since the last one; where they do not agree
on a route, the days of their payments are marked, and so built anew.
"""

import orjson

from openride_stream.clickhouse.client import ClickHouse


async def mark_rerouted(store: ClickHouse, since_s: int, first_day: int) -> int:
    """Mark the days (since the epoch) of payments from `first_day` on; returns how many.

    Args:
        store: after the conflicts of this round were found.
        since_s: from when on bookings came in, in seconds since the epoch.
        first_day: days before it are sealed.
    """
    database = store.database
    # Not only contents that count: those that lost meanwhile may have told the route.
    rerouted = (
        f"SELECT booking_id FROM {database}.booking_facts WHERE booking_id IN "
        f"(SELECT booking_id FROM {database}.booking_events WHERE ingested_at >= toDateTime({since_s})) "
        "GROUP BY booking_id HAVING min(route_id) != max(route_id)"
    )
    if not await store.select(f"SELECT 1 FROM ({rerouted} LIMIT 1)", bounded=False):
        return 0
    days = await store.select(
        f"SELECT DISTINCT toString(toDate(event_timestamp)) AS day FROM {database}.payment_events "
        f"WHERE city = '' AND booking_id IN ({rerouted}) AND toDate(event_timestamp) >= toDate({first_day})",
        bounded=False,
    )
    marks = [{"source": "payment_events", "day": row["day"], "marks": 1} for row in days]
    if marks:
        await store.insert(f"{database}.day_marks", orjson.dumps(marks)[1:-1])
    return len(marks)

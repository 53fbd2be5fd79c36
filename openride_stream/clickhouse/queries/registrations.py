"""Who registered when: the registration of each user that counts, by range and place."""

from openride_stream.clickhouse.distinct import counted
from openride_stream.clickhouse.queries.question import Question


def registered(database: str, question: Question) -> str:
    """A subquery of the users whose counted registration lies in the range and the place.

    Columns: `user_id`, `registered_at` and `role`. The earliest registration counts, then the smallest
    event_id; one that came in twice, or late, changes who that is. Binds what `bounds` gives.
    """
    columns = "event_timestamp AS registered_at, role, city, state"
    # The table is sorted by user and time: to take the first row of each costs next to nothing.
    first = (
        f"SELECT user_id, {columns} FROM {database}.user_facts WHERE kind = 'registered' "
        "AND event_timestamp < fromUnixTimestamp64Milli({registered_before:Int64}, 'UTC') "
        f"AND {counted(database)} ORDER BY user_id, event_timestamp, UUIDToNum(event_id) LIMIT 1 BY user_id"
    )
    return (
        f"(SELECT user_id, registered_at, role FROM ({first}) "
        "WHERE registered_at >= fromUnixTimestamp64Milli({registered_from:Int64}, 'UTC') "
        f"AND {_here(question)})"
    )


def bounds(question: Question) -> dict[str, int]:
    """The parameters of `registered`, without those of the place."""
    return {"registered_from": question.start_ms, "registered_before": question.end_ms}


def _here(question: Question) -> str:
    # A registration has no route: without a city of its own it is nowhere.
    terms = []
    if question.city is not None:
        terms.append("city = {city:String}")
    if question.state is not None:
        terms.append("city != '' AND state = {state:String}")
    return " AND ".join(terms) or "1"

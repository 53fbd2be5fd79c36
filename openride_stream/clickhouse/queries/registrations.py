"""Who registered, and who became a driver, when and where: the event of each user that counts."""

from typing import Literal

from openride_stream.clickhouse.distinct import counted
from openride_stream.clickhouse.queries.question import Question


def registered(database: str, question: Question) -> str:
    """A subquery of the users whose counted registration lies in the range and the place.

    Columns: `user_id`, `registered_at` and `role`. The earliest registration counts, then the smallest
    event_id; one that came in twice, or late, changes who that is. Binds what `bounds` gives.
    """
    return (
        f"(SELECT user_id, at AS registered_at, role FROM {first_facts(database, 'registered')} "
        "WHERE registered_at >= fromUnixTimestamp64Milli({registered_from:Int64}, 'UTC') "
        f"AND {here(question)})"
    )


def first_facts(database: str, kind: Literal["registered", "upgraded"], among: str = "") -> str:
    """A subquery of each user's earliest fact of a kind before the end of the range.

    Columns: `user_id`, `at`, `number` (orders facts of one time), `role`, `city` and `state`. `among` is SQL
    of the users to look at; without it all of them.
    """
    chosen = f"AND user_id IN ({among}) " if among else ""
    # The table is sorted by user and time: to take the first row of each costs next to nothing.
    return (
        "(SELECT user_id, event_timestamp AS at, UUIDToNum(event_id) AS number, role, city, state "
        f"FROM {database}.user_facts WHERE kind = '{kind}' "
        "AND event_timestamp < fromUnixTimestamp64Milli({registered_before:Int64}, 'UTC') "
        f"{chosen}AND {counted(database)} ORDER BY user_id, event_timestamp, number LIMIT 1 BY user_id)"
    )


def bounds(question: Question) -> dict[str, int]:
    """The parameters of `registered`, without those of the place."""
    return {"registered_from": question.start_ms, "registered_before": question.end_ms}


def here(question: Question) -> str:
    """SQL condition on `city` and `state`: the place of a fact passes the filters.

    Registrations and upgrades have no route: without a city of their own they are nowhere.
    """
    terms = []
    if question.city is not None:
        terms.append("city = {city:String}")
    if question.state is not None:
        terms.append("city != '' AND state = {state:String}")
    return " AND ".join(terms) or "1"

"""Who registered when: the registration of each user that counts, by range and place."""

from openride_stream.clickhouse.distinct import counted
from openride_stream.clickhouse.queries.question import Question


def registered(database: str, question: Question) -> str:
    """A subquery of the users whose counted registration lies in the range and the place.

    Columns: `user_id`, `registered_at` and `role`. The earliest registration counts, then the smallest
    event_id; one that came in twice, or late, changes who that is. Binds what `bounds` gives.
    """
    before = "event_timestamp < fromUnixTimestamp64Milli({registered_before:Int64}, 'UTC')"
    return (
        "(SELECT user_id, fact.1 AS registered_at, fact.2 AS role FROM (SELECT user_id, argMin("
        "(event_timestamp, toString(role), toString(city), toString(state)), "
        "(event_timestamp, UUIDToNum(event_id))) AS fact "
        f"FROM {database}.user_facts WHERE kind = 'registered' AND {before} AND {counted(database)} "
        "GROUP BY user_id) "
        "WHERE fact.1 >= fromUnixTimestamp64Milli({registered_from:Int64}, 'UTC') "
        f"AND {_here(question)})"
    )


def bounds(question: Question) -> dict[str, int]:
    """The parameters of `registered`, without those of the place."""
    return {"registered_from": question.start_ms, "registered_before": question.end_ms}


def _here(question: Question) -> str:
    # A registration has no route: without a city of its own it is nowhere.
    terms = []
    if question.city is not None:
        terms.append("fact.3 = {city:String}")
    if question.state is not None:
        terms.append("fact.3 != '' AND fact.4 = {state:String}")
    return " AND ".join(terms) or "1"

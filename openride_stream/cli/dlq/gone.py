"""Dead letters that are on record, and in no topic any more."""

from collections.abc import Sequence

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.queries.dead_letters import on_record
from openride_stream.errors import OpenRideError
from openride_stream.settings import Settings


async def letters_gone(settings: Settings, topics: Sequence[str], held: int) -> int | None:
    """Letters of these topics (none: of all) on record beyond the `held` ones, which may hold one twice.

    None while the store does not answer.
    """
    store = ClickHouse.open(settings)
    try:
        return max(0, await on_record(store, topics) - held)
    except OpenRideError:
        return None
    finally:
        await store.close()


def told_of(gone: int) -> str:
    """Where they are, for people."""
    return (
        f"{gone:,} more are on record and no longer in Kafka (purged, expired, or of a broker that "
        "was started anew): GET /v1/dead-letters lists them"
    )

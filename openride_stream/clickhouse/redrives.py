"""The ledger of redrives, in ClickHouse: which failure of which record was sent again."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import Clock
from openride_stream.events.letter_views import letter_key
from openride_stream.events.letters import Letter

_COLUMNS: Final = ("topic", "partition", "offset", "timestamp_ms", "attempts", "value_sha256")


class Redrives:
    """Asks and tells the table `dead_letter_redrives`.

    A letter is known by where its record first stood, its attempts and its hash. A topic that was created
    anew repeats offsets, but not with the same timestamps and bytes.
    """

    def __init__(self, store: ClickHouse, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def redriven(self, letters: Sequence[Letter]) -> list[bool]:
        """Whether each of `letters` has been redriven; a few hundred at most, all of one topic.

        Raises:
            StoreUnavailable: ClickHouse is away.
        """
        if not letters:
            return []
        keys = [letter_key(letter) for letter in letters]
        rows = await self._store.select(
            f"SELECT {', '.join(_COLUMNS)} FROM {self._store.database}.dead_letter_redrives "
            "WHERE topic = {topic:String} AND offset IN {offsets:Array(UInt64)}",
            {"topic": keys[0]["topic"], "offsets": sorted({key["offset"] for key in keys})},
        )
        known = {_identity(row) for row in rows}
        return [_identity(key) in known for key in keys]

    async def record(self, letters: Sequence[Letter]) -> None:
        """Remember that `letters` have been redriven; returns when that is durable.

        Raises:
            StoreUnavailable: ClickHouse is away.
        """
        if not letters:
            return
        now_ms = self._clock.now_ms()
        rows = [letter_key(letter) | {"redriven_at": now_ms} for letter in letters]
        await self._store.insert(f"{self._store.database}.dead_letter_redrives", orjson.dumps(rows)[1:-1])


def _identity(columns: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(columns[name] for name in _COLUMNS)

"""One event_id, several contents: the one with the smallest payload SHA-256 counts, wherever it lies.

Every stored event also stands in `event_identities`, sorted by event_id. A round looks up the ids that came
in since the last round (with an overlap for inserts that were slow to commit), lists the contents that
lost, and marks the days of winners and losers dirty.
"""

from collections.abc import Awaitable, Callable

import orjson

from openride_stream.clickhouse.client import ClickHouse, Row
from openride_stream.clickhouse.days import DAY_MS, iso_day

_OVERLAP_S = 180
_DAY_S = 86_400
# Ids looked up at once: their set takes about 50 bytes each in the store.
_SLICE_IDS = 2_000_000
_CURSOR = "conflicts"


class Conflicts:
    """Finds superseded contents; its cursor lives in the store."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store

    async def find(self, also: Callable[[int], Awaitable[object]] | None = None) -> int:
        """Look at what came in since the last call; returns how many contents were found to have lost.

        Args:
            also: looks at the same after that, given from when on (seconds since the epoch). Whoever dies
                before it is done has not looked: the next call begins there again.
        """
        since_s, now_s, count, rounds = await self._recent()
        slices = max(1, -(-count // _SLICE_IDS))
        found = 0
        for number in range(slices):
            contents = await self._conflicting(since_s, slices, number)
            found += await self._supersede(contents)
        if also is not None:
            await also(since_s)
        cursor = {
            "preaggregation": _CURSOR,
            "day": "1970-01-01",
            "marks_seen": now_s,
            "generation": rounds + 1,
        }
        await self._store.insert(f"{self._store.database}.day_builds", orjson.dumps(cursor))
        return found

    async def _recent(self) -> tuple[int, int, int, int]:
        """From when on to look, now, how many ids came in since then, and the number of the last round.

        The cursor is that of the last round, not the largest: the store's clock may have been put back. Then
        nobody knows how long the last round is past, and what came in during a whole day is looked at.
        """
        database = self._store.database
        rows = await self._store.select(
            "SELECT toUInt32(now()) AS now, argMax(marks_seen, (generation, built_at)) AS cursor, "
            f"max(generation) AS rounds FROM {database}.day_builds WHERE preaggregation = '{_CURSOR}'"
        )
        now_s, cursor_s, rounds = (int(rows[0][name]) for name in ("now", "cursor", "rounds"))
        since_s = max(cursor_s - _OVERLAP_S if cursor_s <= now_s else now_s - _DAY_S, 0)
        rows = await self._store.select(
            f"SELECT count() AS ids FROM {database}.event_identities "
            f"WHERE inserted_at >= toDateTime({since_s})"
        )
        return since_s, now_s, int(rows[0]["ids"]), rounds

    async def _conflicting(self, since_s: int, slices: int, number: int) -> list[Row]:
        """Every content of the recent ids that have several, the one that counts first.

        `known` are those that are on record as having lost.
        """
        database = self._store.database
        in_slice = f"cityHash64(event_id) % {slices} = {number}" if slices > 1 else "1"
        return await self._store.select(
            "SELECT i.event_id AS event_id, i.precedence AS precedence, any(i.source) AS source, "
            "toUnixTimestamp64Milli(any(i.event_timestamp)) AS event_timestamp, "
            "(event_id, precedence) IN "
            f"(SELECT event_id, precedence FROM {database}.superseded_events) AS known "
            f"FROM {database}.event_identities AS i WHERE event_id IN (SELECT event_id FROM "
            f"{database}.event_identities WHERE event_id IN "
            f"(SELECT event_id FROM {database}.event_identities "
            f"WHERE inserted_at >= toDateTime({since_s}) AND {in_slice}) "
            "GROUP BY event_id HAVING uniqExact(precedence) > 1) "
            "GROUP BY event_id, precedence ORDER BY event_id, precedence DESC",
            timeout_s=120,
            bounded=False,
        )

    async def _supersede(self, contents: list[Row]) -> int:
        losers, previous = [], None
        for content in contents:
            if content["event_id"] == previous and not content["known"]:
                losers.append(content)
            previous = content["event_id"]
        if not losers:
            return 0
        lost = {content["event_id"] for content in losers}
        touched = {
            (content["source"], content["event_timestamp"] // DAY_MS)
            for content in contents
            if content["event_id"] in lost
        }
        columns = ("event_id", "precedence", "source", "event_timestamp")
        rows = [{column: loser[column] for column in columns} for loser in losers]
        # Marked before, so that a round that dies in between leaves the days dirty; and after, because only
        # a mark that follows the change makes a build that did not see it stale.
        await self._mark(touched)
        await self._store.insert(f"{self._store.database}.superseded_events", orjson.dumps(rows)[1:-1])
        await self._mark(touched)
        return len(losers)

    async def _mark(self, touched: set[tuple[str, int]]) -> None:
        marks = [{"source": source, "day": iso_day(day), "marks": 1} for source, day in sorted(touched)]
        await self._store.insert(f"{self._store.database}.day_marks", orjson.dumps(marks)[1:-1])

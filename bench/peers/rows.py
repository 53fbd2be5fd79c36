"""Rows into ClickHouse over clickhouse-connect, with the settings that the application inserts with."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import clickhouse_connect
import orjson
from clickhouse_connect.driver.client import Client

from openride_stream.events.registry import Row
from openride_stream.events.topics import TOPICS
from openride_stream.settings import Settings

TOPICS_READ: Final = [topic.name for topic in TOPICS if topic.tier is None]
_RAW_TIMES: Final = "input_format_read_datetime_number_as_raw_value"
_SETTINGS: Final = {
    "date_time_input_format": "best_effort",
    "insert_deduplicate": "0",
    "async_insert": "0",
    "wait_end_of_query": "1",
}


class Rows:
    """A connection that stores rows and returns when they are durable."""

    def __init__(self, settings: Settings) -> None:
        address = urlsplit(settings.clickhouse_url)
        self._client: Client = clickhouse_connect.get_client(
            host=address.hostname or "", port=address.port or 8123, database=settings.clickhouse_database
        )
        known = self._client.command(f"SELECT count() FROM system.settings WHERE name = '{_RAW_TIMES}'")
        self._settings = _SETTINGS | ({_RAW_TIMES: "1"} if int(str(known)) else {})

    def insert(self, rows: Iterable[tuple[str, Row]]) -> None:
        """Store rows, each with its table: one insert a table."""
        by_table: defaultdict[str, list[Row]] = defaultdict(list)
        for table, row in rows:
            by_table[table].append(row)
        for table, several in by_table.items():
            body = orjson.dumps(several)[1:-1]
            self._client.raw_insert(table, insert_block=body, fmt="JSONEachRow", settings=self._settings)

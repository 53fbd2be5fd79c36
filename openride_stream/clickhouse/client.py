"""The one way to ClickHouse: aiochclient, with its sharp edges filed off.

aiochclient parses SQL on the event loop, formats parameters into the text, has one exception class and
no time-outs. Here parameters are bound by the server (`{name:Type}`), errors have types, every call has a
deadline, and statements are never parsed, because the caller says what they are.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import aiohttp
import orjson
from aiochclient import ChClient, ChClientError

from openride_stream.clickhouse.bodies import Body, body_of
from openride_stream.clickhouse.chunks import chunks_of
from openride_stream.clickhouse.failures import insert_failure, query_failure, unanswered
from openride_stream.clickhouse.limits import PROFILE_SQL, limits
from openride_stream.clickhouse.literals import Param, literal
from openride_stream.clickhouse.raw import RawQuery, Take
from openride_stream.errors import StoreRefused, StoreUnavailable
from openride_stream.settings import Settings

__all__ = ["ClickHouse", "Param", "Row"]

Row = dict[str, Any]

_READ_SETTINGS: dict[str, str] = {
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_decimals": "1",
    "do_not_merge_across_partitions_select_final": "1",
    "join_use_nulls": "0",
    # Else an answer has begun when a query fails, and each version puts the reason elsewhere in it.
    "wait_end_of_query": "1",
}
_INSERT_SETTINGS: dict[str, str] = {
    "date_time_input_format": "best_effort",
    "precise_float_parsing": "1",
    "insert_deduplicate": "0",
    # Readers collapse what was sent twice in any case; to do it while inserting took a quarter of the CPU.
    "optimize_on_insert": "0",
    "async_insert": "0",
    "wait_end_of_query": "1",
    "max_partitions_per_insert_block": "0",
}
_NOT_COMPILED: dict[str, str] = {
    "compile_expressions": "0",
    "compile_aggregate_expressions": "0",
    "compile_sort_description": "0",
}
_RAW_TIMES = "input_format_read_datetime_number_as_raw_value"
_PROFILE_TIMEOUT_S = 5.0
_MAY_NOT_READ = (60, 497)
"""UNKNOWN_TABLE, which is what a user sees of a table that it has no right to, and ACCESS_DENIED."""
_MAY_NOT_SET = (164, 452)
"""READONLY, SETTING_CONSTRAINT_VIOLATION."""


class _Query(ChClient):  # type: ignore[misc]  # aiochclient ships no types
    """A client whose statements are all queries that end in FORMAT JSONEachRow."""

    @staticmethod
    def _parse_squery(query: str) -> tuple[bool, bool, str]:
        del query
        return True, True, "SELECT"


class _Command(ChClient):  # type: ignore[misc]
    """A client whose statements return no rows."""

    @staticmethod
    def _parse_squery(query: str) -> tuple[bool, bool, str]:
        del query
        return False, False, "OTHER"

    @staticmethod
    def _check_insert_file_query(query: str) -> None:
        del query


class ClickHouse:
    """Typed access to one ClickHouse database over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings) -> None:
        self._session = session
        self._settings = settings
        self.database = settings.clickhouse_database
        self._insert_settings: dict[str, str] | None = None
        self._profile: list[Row] | None = None

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """A client with its own connection pool; needs a running event loop."""
        # The server closes idle connections; force_close would cost a handshake a query.
        connector = aiohttp.TCPConnector(limit=32, keepalive_timeout=8)
        return cls(aiohttp.ClientSession(connector=connector), settings)

    async def close(self) -> None:
        """Close the connection pool."""
        await self._session.close()

    async def ping(self) -> None:
        """Return when ClickHouse answers; raise `StoreUnavailable` when it does not."""
        await self.select("SELECT 1", timeout_s=5.0)

    async def select(
        self,
        sql: str,
        params: Mapping[str, Param] | None = None,
        *,
        timeout_s: float | None = None,
        bounded: bool = True,
        compiled: bool = True,
    ) -> list[Row]:
        """Rows of one query, as dicts; decimals come as strings.

        `sql` carries no FORMAT and binds values as `{name:Type}` from `params`. Who stops waiting ends the
        query in the store as well. `bounded` it gives at most `MAX_ROWS` and takes no more memory than the
        settings say: for all but our own upkeep. `compiled` says whether the store makes machine code of
        expressions that it meets again: who is the third to use one waits for that, some 50 ms of each.
        """
        deadline_s = timeout_s or self._settings.clickhouse_query_timeout_s
        memory_bytes = self._settings.clickhouse_query_memory_bytes if bounded else None
        limited = limits(await self._profile_of_user(), deadline_s, memory_bytes)
        if not compiled:
            limited = {**limited, **_NOT_COMPILED}
        try:
            return await self._fetch(sql, params or {}, limited, deadline_s)
        except StoreRefused as error:
            if error.code in _MAY_NOT_SET:
                self._profile = None  # it was changed meanwhile: the next question asks for it anew
            raise

    async def _fetch(
        self, sql: str, params: Mapping[str, Param], limited: Mapping[str, str], deadline_s: float
    ) -> list[Row]:
        bound = {f"param_{name}": literal(value) for name, value in params.items()}
        client = self._client(_Query, {**_READ_SETTINGS, **limited, **bound})
        try:
            async with asyncio.timeout(deadline_s + 1):
                rows: list[Row] = await client.fetch(f"{sql}\nFORMAT JSONEachRow")
        except ChClientError as error:
            raise query_failure(str(error)) from error
        except orjson.JSONDecodeError as error:
            # It failed after the first rows had been sent: the reason stands where the next row would.
            raise query_failure(error.doc) from error
        except (aiohttp.ClientError, TimeoutError, OSError, AssertionError) as error:
            raise unanswered(error) from error
        return rows

    async def raw_query(
        self, sql: str, params: Mapping[str, str], form: str, take: Take, settings: Mapping[str, str]
    ) -> RawQuery:
        """One SELECT whose rows are wanted as bytes of the format `form`, for `raw_rows` or another process.

        `sql` carries no FORMAT; it gets what `take` lets it, and `settings` of the format.
        """
        limited = limits(await self._profile_of_user(), take.timeout_s, take.memory_bytes, take.rows)
        bound = {f"param_{name}": literal(value) for name, value in params.items()}
        return RawQuery(
            url=self._settings.clickhouse_url,
            user=self._settings.clickhouse_user,
            password=self._settings.clickhouse_password.get_secret_value(),
            statement=f"{sql}\nFORMAT {form}",
            parameters={**_READ_SETTINGS, **settings, **limited, **bound},
            timeout_s=take.timeout_s,
        )

    def raw_rows(self, query: RawQuery) -> AsyncIterator[bytes]:
        """The bytes of its rows, once the store has all of them; raises as `select` does."""
        return chunks_of(self._session, query)

    async def _profile_of_user(self) -> list[Row]:
        """The limits that our user may set; none where it may not even ask."""
        if self._profile is None:
            try:
                self._profile = await self._fetch(PROFILE_SQL, {}, {}, _PROFILE_TIMEOUT_S)
            except StoreRefused as error:
                if error.code not in _MAY_NOT_READ:
                    return []
                self._profile = []
        return self._profile

    async def execute(
        self, sql: str, params: Mapping[str, Param] | None = None, *, timeout_s: float = 120.0
    ) -> None:
        """Run one statement that returns no rows (DDL, INSERT … SELECT)."""
        bound = {f"param_{name}": literal(value) for name, value in (params or {}).items()}
        client = self._client(
            _Command,
            {
                "insert_deduplicate": "0",
                "wait_end_of_query": "1",
                "do_not_merge_across_partitions_select_final": "1",
                **bound,
            },
        )
        try:
            async with asyncio.timeout(timeout_s):
                await client.execute(sql)
        except ChClientError as error:
            raise query_failure(str(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unanswered(error) from error

    async def insert(self, table: str, rows: bytes | Body, form: str = "JSONEachRow") -> None:
        """Insert rows, serialised in the format `form`; returns when they are durable.

        JSON rows are objects, one a line or comma-separated.

        Raises `StoreRefused` when the rows themselves are at fault and `StoreUnavailable` for anything else.
        """
        try:
            body = body_of(rows)
            async with asyncio.timeout(body.timeout_s or self._settings.clickhouse_insert_timeout_s):
                client = self._client(_Command, await self._settings_of_inserts())
                # With its length known a body is not cut into the chunks of HTTP/1.1.
                client.headers["Content-Length"] = str(body.size_bytes)
                await client.insert_file(f"INSERT INTO {table} FORMAT {form}", body.pieces)
        except ChClientError as error:
            raise insert_failure(str(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unanswered(error) from error

    async def _settings_of_inserts(self) -> dict[str, str]:
        """Rows carry times as milliseconds; newer servers read a bare number as seconds unless told."""
        if self._insert_settings is None:
            try:
                known = await self.select(
                    "SELECT count() AS known FROM system.settings WHERE name = {name:String}",
                    {"name": _RAW_TIMES},
                )
            except StoreRefused as error:
                # Said of this question, not of the rows, which the sink would take for bad.
                raise StoreUnavailable(str(error)) from error
            self._insert_settings = _INSERT_SETTINGS | ({_RAW_TIMES: "1"} if known[0]["known"] else {})
        return self._insert_settings

    def _client(self, kind: type[ChClient], settings: Mapping[str, str]) -> ChClient:
        return kind(
            self._session,
            url=self._settings.clickhouse_url,
            user=self._settings.clickhouse_user,
            password=self._settings.clickhouse_password.get_secret_value(),
            database=None,
            json=orjson,
            **settings,
        )

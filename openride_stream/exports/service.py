"""Exports as they are asked for: judged, queued, told of, deleted."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Final
from uuid import uuid4

import orjson

from openride_stream.api.choices import ExportFormat
from openride_stream.api.exports import QUICK_ROWS, ExportRequest
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.raw import RawQuery, Take
from openride_stream.clock import Clock
from openride_stream.errors import Rejected, StoreRefused
from openride_stream.exports.cells import FORMATS, SETTINGS, Column, written
from openride_stream.exports.files import SUFFIXES, ExportFiles, Kept, safe_name
from openride_stream.exports.prepared import Prepared, QueryRefused
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.exports import Export, ExportJobs, Quota
from openride_stream.settings import Settings

_DESCRIBE_ROWS: Final = 100_000


class QuotaReached(Rejected):
    """The user has used up a quota, which comes back when exports end or expire. `quota` says which."""

    def __init__(self, message: str, quota: Quota) -> None:
        super().__init__(message)
        self.quota = quota


class Exports:
    """What the endpoints of exports do. Methods raise `Transient` errors when a store is away."""

    def __init__(self, store: ClickHouse, metadata: Metadata, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self.jobs = ExportJobs(metadata, clock, kept=timedelta(hours=settings.exports_retention_h))
        self.files = ExportFiles(settings)

    async def request(self, asked: ExportRequest, owner: str) -> Export:
        """Queue an export for a worker to write.

        Raises:
            QueryRefused: the query is not exported; the message says why.
            QuotaReached: the user has to wait, or to delete something.
        """
        given = {name: _text(value) for name, value in (asked.query_params or {}).items()}
        prepared = await self._prepared(asked.query, given, asked.row_limit)
        columns = await self._columns(prepared)
        _written(prepared.sql, columns, asked.format)  # to refuse now what cannot be written
        now = self.jobs.now()
        export = Export(
            export_id=str(uuid4()),
            owner=owner,
            statement=prepared.sql,
            params=orjson.dumps(prepared.params).decode(),
            columns=orjson.dumps([[column.name, column.type] for column in columns]).decode(),
            format=asked.format,
            filename=safe_name(asked.filename or f"export-{now:%Y%m%d-%H%M%S}", SUFFIXES[asked.format]),
            row_limit=asked.row_limit,
            status="pending",
            created_at=now,
        )
        limits = self._settings
        full = await self.jobs.add(export, limits.exports_active_per_user, limits.exports_bytes_per_user)
        if full is not None:
            raise QuotaReached(_FULL[full], full)
        return export

    async def find(self, export_id: str, owner: str | None) -> Export | None:
        """The export of that id if it is `owner`'s; None as `owner` sees everybody's."""
        found = await self.jobs.find(export_id)
        return found if found is not None and owner in (None, found.owner) else None

    async def file_of(self, export: Export) -> Kept | None:
        """The file of a completed export; None when it is not there."""
        return await self.files.find(export.export_id, SUFFIXES[format_of(export)])

    async def delete(self, export: Export) -> None:
        """Take away an export and its file; one that is not written yet never will be."""
        if await self.jobs.cancel(export.export_id):
            return
        await self.files.remove(export.export_id)
        await self.jobs.remove(export.export_id)

    async def quick(self, query: str) -> AsyncIterator[bytes]:
        """CSV of a query that has at most `QUICK_ROWS` rows.

        Raises:
            QueryRefused: the query is not exported.
            StoreLimit: it has more rows, or takes more of the store than a question may.
        """
        # One row more than may come, so that the store says that there are too many.
        prepared = await self._prepared(query, {}, QUICK_ROWS + 1)
        columns = await self._columns(prepared)
        limits = self._settings
        take = Take(limits.clickhouse_query_timeout_s, limits.clickhouse_query_memory_bytes, QUICK_ROWS)
        return self._store.raw_rows(await self._raw(prepared.sql, prepared.params, columns, "csv", take))

    async def raw_query(self, export: Export) -> tuple[RawQuery, list[Column]]:
        """What a writing process asks the store for an export, and the columns that come."""
        columns = [Column(name, kind) for name, kind in orjson.loads(export.columns)]
        limits = self._settings
        take = Take(limits.exports_query_timeout_s, limits.exports_query_memory_bytes, export.row_limit)
        params = orjson.loads(export.params)
        return await self._raw(export.statement, params, columns, format_of(export), take), columns

    async def _prepared(self, query: str, given: Mapping[str, str], row_limit: int) -> Prepared:
        def prepared() -> Prepared:
            # The parser is loaded with the first query: it takes half a second and tens of megabytes.
            from openride_stream.exports.query import prepare

            days = self._settings.retention_raw_days
            return prepare(query, given, self._store.database, row_limit, days)

        return await asyncio.to_thread(prepared)

    async def _raw(
        self, sql: str, params: Mapping[str, str], columns: list[Column], form: ExportFormat, take: Take
    ) -> RawQuery:
        sql = _written(sql, columns, form)
        return await self._store.raw_query(sql, params, FORMATS[form], take, SETTINGS)

    async def _columns(self, prepared: Prepared) -> list[Column]:
        """What the query's rows are made of: the store reads it for the first time."""
        try:
            rows = await self._store.select(f"DESCRIBE TABLE ({prepared.sql})", prepared.params)
        except StoreRefused as error:
            raise QueryRefused(_told(error)) from error
        return [Column(row["name"], row["type"]) for row in rows]


_FULL: Final[dict[Quota, str]] = {
    "active": "as many exports of yours as may (OPENRIDE_EXPORTS_ACTIVE_PER_USER) wait or are written: "
    "ask again when one has ended",
    "bytes": "your kept files have as many bytes as they may (OPENRIDE_EXPORTS_BYTES_PER_USER): delete some",
}


def _written(sql: str, columns: list[Column], form: ExportFormat) -> str:
    try:
        return written(sql, columns, form)
    except Rejected as error:
        raise QueryRefused(str(error)) from error


def format_of(export: Export) -> ExportFormat:
    """The format of an export's file."""
    return next(known for known in SUFFIXES if known == export.format)


def _text(value: str | float) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _told(error: StoreRefused) -> str:
    """What ClickHouse says of a query, without the statement that it was made into."""
    text = str(error).partition("DB::Exception: ")[2] or str(error)
    for end in (" In scope ", " in scope ", ": While processing", ": In query", " (version "):
        text = text.partition(end)[0]
    return f"the store cannot run it: {text[:300]}"

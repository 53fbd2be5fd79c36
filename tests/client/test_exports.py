"""Exports through both clients: asked for, waited for, saved, deleted."""

from pathlib import Path

import pytest

from openride_stream.client import ApiError, AsyncOpenRide, InvalidParameter, NotFound, OpenRide
from openride_stream.exports.runner import ExportRunner
from tests.fixtures.served import Served

QUERY = "SELECT trip_id, city FROM trip_events WHERE city = {city:String}"


def write(served: Served) -> None:
    site = served.site
    served.run(ExportRunner(site.runtime.exports, "worker", site.metrics, site.settings).write_waiting())


def test_a_query_becomes_a_file(served: Served, tmp_path: Path) -> None:
    with OpenRide(served.url, served.tokens["analyst"]) as client:
        asked = client.request_export(query=QUERY, format="csv", query_params={"city": "Manhattan"})
        with pytest.raises(ApiError, match="pending"):
            client.save_export(tmp_path / "x.csv", export_id=asked.export_id)
        assert list(tmp_path.iterdir()) == []
        write(served)
        status = client.export_status(export_id=asked.export_id)
        assert (status.status, status.rows) == ("completed", 2)
        saved = client.save_export(tmp_path / "x.csv", export_id=asked.export_id)
        assert saved.read_text().splitlines()[0] == '"trip_id","city"'
        client.delete_export(export_id=asked.export_id)
        with pytest.raises(NotFound):
            client.export_status(export_id=asked.export_id)
        assert (
            client.save_quick_csv(tmp_path / "q.csv", query="SELECT 1 AS a").read_bytes() == b'"a"\r\n1\r\n'
        )
        with pytest.raises(InvalidParameter, match="dead_letters") as refused:
            client.request_export(query="SELECT * FROM dead_letters", format="csv")
        assert refused.value.parameter == "query"


async def test_the_same_for_asyncio(served: Served, tmp_path: Path) -> None:
    async with AsyncOpenRide(served.url, served.tokens["analyst"]) as client:
        asked = await client.request_export(query="SELECT 1 AS a", format="parquet")
        await client.delete_export(export_id=asked.export_id)
        assert (await client.export_status(export_id=str(asked.export_id))).status == "cancelled"
        book = await client.save_metrics_excel(str(tmp_path / "m.xlsx"), city="Manhattan")
        assert book.read_bytes()[:2] == b"PK"

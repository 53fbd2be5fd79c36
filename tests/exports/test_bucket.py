"""Exports in a bucket: kept there, read through the API or by a link, and what a bucket may do to them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from openride_stream.client.aio import AsyncOpenRide
from openride_stream.exports.files import ExportFiles
from tests.exports.conftest import TOKENS, Desk, is_downloaded_by_the_rules
from tests.fixtures.s3 import dying, taking_links

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.s3]

QUERY = "SELECT n, toString(n) AS t FROM (SELECT arrayJoin(range(200000)) AS n) AS x"


@pytest.fixture
def bucket(desk: Desk, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk, with its files in a bucket."""
    use(desk, s3, monkeypatch)
    return desk


def use(desk: Desk, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = type(desk.settings)(_env_file=None, **{**desk.settings.model_dump(), **s3})
    monkeypatch.setattr(desk.site.runtime.exports, "files", ExportFiles(settings))


async def test_a_file_in_a_bucket_is_downloaded_whole_and_in_parts(bucket: Desk) -> None:
    export_id = await bucket.ask(QUERY, filename="Zahlen für März")
    await bucket.runner().write_waiting()
    body, response = await bucket.call("GET", f"{export_id}/download")
    assert body.count(b"\r\n") == 200_001
    assert "UTF-8''Zahlen%20f%C3%BCr%20M%C3%A4rz.csv" in response.headers["Content-Disposition"]
    assert not list((bucket.settings.data_dir / "exports").glob(f"{export_id}*"))
    path = f"{export_id}/download"
    part, answer = await bucket.call("GET", path, status=206, headers={"Range": "bytes=100-199"})
    assert (part, answer.headers["Content-Range"]) == (body[100:200], f"bytes 100-199/{len(body)}")
    tail, _ = await bucket.call("GET", path, status=206, headers={"Range": "bytes=-5"})
    assert tail == body[-5:]
    await is_downloaded_by_the_rules(bucket, path, body)
    await bucket.call("DELETE", export_id, status=204)
    assert await bucket.site.runtime.exports.files.find(export_id, "csv") is None


async def test_a_link_leads_to_the_bucket_and_the_client_follows_it_without_its_token(
    bucket: Desk, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    export_id = await bucket.ask("SELECT 1 AS a", filename="one")
    await bucket.runner().write_waiting()
    monkeypatch.setattr(bucket.settings, "__dict__", {**bucket.settings.__dict__, "s3_link_s": 60})
    _, response = await bucket.call("GET", f"{export_id}/download", status=307, allow_redirects=False)
    async with taking_links(s3), httpx.AsyncClient() as client:
        found = await client.get(response.headers["Location"])
    assert (found.status_code, found.content) == (200, b'"a"\r\n1\r\n')
    assert 'filename="one.csv"' in found.headers["Content-Disposition"]
    url = str(bucket.site.client.make_url("/"))
    async with taking_links(s3), AsyncOpenRide(url, TOKENS["ada"]) as client:
        saved = await client.save_export(tmp_path / "one.csv", export_id=export_id)
    assert saved.read_bytes() == found.content
    await bucket.call("DELETE", export_id, status=204)


async def test_a_server_that_dies_in_an_upload_has_the_export_made_again(
    desk: Desk, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = await desk.ask(QUERY)
    async with dying(s3["s3_endpoint"], 100_000) as endpoint:
        use(desk, {**s3, "s3_endpoint": endpoint}, monkeypatch)
        await asyncio.wait_for(desk.runner().write_waiting(), 30)
    assert (await desk.status(export_id))["status"] == "processing"
    use(desk, s3, monkeypatch)
    assert await desk.site.runtime.exports.files.find(export_id, "csv") is None
    desk.site.runtime.clock.advance(31)
    await desk.runner().write_waiting()
    status = await desk.status(export_id)
    assert (status["status"], status["attempts"]) == ("completed", 2)
    body, _ = await desk.call("GET", f"{export_id}/download")
    assert len(body) == status["size_bytes"]
    await desk.call("DELETE", export_id, status=204)


async def test_wrong_credentials_fail_an_export_and_name_the_setting(
    desk: Desk, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(desk, {**s3, "s3_secret_access_key": "nope"}, monkeypatch)
    export_id = await desk.ask("SELECT 1 AS a")
    await desk.runner().write_waiting()
    status = await desk.status(export_id)
    assert status["status"] == "failed"
    assert "OPENRIDE_S3_SECRET_ACCESS_KEY" in status["error"]
    assert "nope" not in status["error"]
    use(desk, s3, monkeypatch)
    await desk.call("DELETE", export_id, status=204)


async def test_what_nobody_knows_of_is_swept_from_a_bucket(
    bucket: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = await bucket.ask("SELECT 1 AS a")
    await bucket.runner().write_waiting()
    files = bucket.site.runtime.exports.files
    monkeypatch.setattr("openride_stream.exports.files._ORPHAN_S", -60.0)

    async def nobody(ids: object) -> frozenset[str]:
        del ids
        return frozenset()

    await files.sweep(bucket.site.runtime.exports.jobs.known)
    assert await files.find(export_id, "csv") is not None
    assert await files.sweep(nobody) >= 1
    assert await files.find(export_id, "csv") is None
    await bucket.call("DELETE", export_id, status=204)

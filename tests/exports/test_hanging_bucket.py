"""A bucket whose server hangs: exports and reports are put off with a reason, and nobody waits for ever."""

import asyncio
from typing import Any

import pytest

from openride_stream.exports.files import ExportFiles
from openride_stream.exports.runner import LEASE_S
from openride_stream.settings import Settings
from tests.exports.conftest import TRIPS, Desk, until
from tests.fixtures.hanging import Hanging, hanging

pytestmark = pytest.mark.asyncio(loop_scope="package")

QUERY = "SELECT trip_id, city FROM trip_events ORDER BY trip_id"
# More than a part of an upload.
LARGE = "SELECT n, hex(SHA512(toString(n))) AS noise FROM (SELECT arrayJoin(range(80000)) AS n)"
WITHIN_S = 10.0


def use(desk: Desk, endpoint: str, monkeypatch: pytest.MonkeyPatch, timeout_s: float = 0.5) -> ExportFiles:
    bucket: dict[str, Any] = {
        "files_url": "s3://files",
        "s3_endpoint": endpoint,
        "s3_access_key_id": "key",
        "s3_secret_access_key": "secret",
        "s3_timeout_s": timeout_s,
    }
    files = ExportFiles(Settings(_env_file=None, **{**desk.settings.model_dump(), **bucket}))
    monkeypatch.setattr(desk.site.runtime.exports, "files", files)
    return files


@pytest.mark.parametrize(
    ("how", "query"),
    [("deaf", QUERY), ("silent", LARGE), ("dripping", LARGE)],
    ids=["deaf", "silent to parts", "dripping to parts"],
)
async def test_an_upload_that_hangs_is_given_up_tried_once_more_and_told(
    desk: Desk, how: Hanging, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hanging(how) as endpoint:
        use(desk, endpoint, monkeypatch)
        export_id = await desk.ask(query)
        for wanted in ("processing", "failed"):
            await asyncio.wait_for(desk.runner().write_waiting(), WITHIN_S)
            status = await desk.status(export_id)
            assert status["status"] == wanted
            desk.site.runtime.clock.advance(LEASE_S + 1)
        told = f"s3://files/exports at {endpoint}: no answer within 0.5 s (OPENRIDE_S3_TIMEOUT_S)"
        assert status["error"] == told
        assert not list((desk.settings.data_dir / "exports").glob(f"{export_id}*"))


async def test_while_an_upload_hangs_status_tells_how_far_it_is_its_lease_is_kept_and_it_can_be_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hanging("silent") as endpoint:
        use(desk, endpoint, monkeypatch, timeout_s=60)
        export_id = await desk.ask(QUERY)
        running = asyncio.create_task(desk.runner(lease_s=2).write_waiting())
        jobs, leases = desk.site.runtime.exports.jobs, set[Any]()

        async def renewed() -> bool:
            found = await jobs.find(export_id)
            assert found is not None
            desk.site.runtime.clock.advance(0.1)
            leases.add(found.lease_until)
            status = await desk.status(export_id)
            assert status["status"] in ("pending", "processing")
            return (status["rows"], status["size_bytes"] > 0, len(leases) > 4) == (TRIPS, True, True)

        await until(renewed)
        assert await jobs.claim("another", 30) is None
        use(desk, endpoint, monkeypatch)  # what there may be of it is asked for with less patience
        await desk.call("DELETE", export_id, status=204)
        await asyncio.wait_for(running, WITHIN_S)
        assert (await desk.status(export_id))["status"] == "cancelled"


async def test_a_download_from_a_bucket_that_hangs_is_told_to_come_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = await desk.ask(QUERY)
    await desk.runner().write_waiting()
    async with hanging("silent") as endpoint:
        use(desk, endpoint, monkeypatch)
        async with asyncio.timeout(WITHIN_S):
            _, response = await desk.call("GET", f"{export_id}/download", status=503)
    assert "Retry-After" in response.headers

"""Full disks, and buckets that answer errors: an export is tried once more, then fails and says why."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from openride_stream.exports import process
from openride_stream.exports.files import ExportFiles
from openride_stream.exports.runner import LEASE_S
from openride_stream.settings import Settings
from tests.exports.conftest import Desk
from tests.fixtures.disk import SmallDisk

pytestmark = pytest.mark.asyncio(loop_scope="package")

QUERY = "SELECT trip_id, city FROM trip_events ORDER BY trip_id"


@pytest.mark.parametrize("form", ["csv", "excel"])
async def test_a_full_disk_is_said_and_leaves_nothing_behind(
    desk: Desk, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file of more than a block: as for a disk with no more room, the write fails in the middle."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nulimit -f 1\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(process.sys, "executable", str(python))
    export_id = await desk.ask(QUERY, form)
    await desk.runner().write_waiting()
    status = await desk.status(export_id)
    assert status["status"] == "failed"
    assert status["error"] == "OPENRIDE_EXPORTS_DIR: File too large"
    assert not list((desk.settings.data_dir / "exports").glob(f"{export_id}*"))


RANDOM = "SELECT n, hex(SHA512(toString(n))) AS noise FROM (SELECT arrayJoin(range(50000)) AS n)"
NO_ROOM = "No space left on device"


@pytest.fixture
def on_small_disk(desk: Desk, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> SmallDisk:
    """The files of exports are on it."""
    settings = desk.settings.model_copy(update={"exports_dir": str(small_disk.path)})
    monkeypatch.setattr(desk.site.runtime.exports, "files", ExportFiles(settings))
    return small_disk


@pytest.mark.parametrize("form", ["csv", "excel", "parquet"])
async def test_an_export_that_outgrows_its_disk_is_tried_once_more_then_fails_and_says_so(
    desk: Desk, on_small_disk: SmallDisk, form: str
) -> None:
    export_id = await desk.ask(RANDOM, form)
    for attempt in (1, 2):
        await desk.runner().write_waiting()
        status = await desk.status(export_id)
        assert (status["status"], status["attempts"]) == (("processing", "failed")[attempt - 1], attempt)
        assert on_small_disk.left() == []
        desk.site.runtime.clock.advance(LEASE_S + 1)
    assert status["error"] == f"OPENRIDE_EXPORTS_DIR: {NO_ROOM}"
    await desk.call("GET", f"{export_id}/download", status=409)
    # The disk of the worker is as it was: another one is written there.
    assert await desk.made(QUERY, form)
    await desk.call("DELETE", export_id, status=204)


async def test_an_export_on_a_disk_without_any_room_is_made_when_there_is_some(
    desk: Desk, on_small_disk: SmallDisk
) -> None:
    on_small_disk.fill()
    export_id = await desk.ask(QUERY, "excel")
    await desk.runner().write_waiting()
    assert (await desk.status(export_id))["status"] == "processing"
    assert on_small_disk.left() == []
    on_small_disk.clear()
    desk.site.runtime.clock.advance(LEASE_S + 1)
    await desk.runner().write_waiting()
    status = await desk.status(export_id)
    assert (status["status"], status["attempts"], status["error"]) == ("completed", 2, None)
    body, _ = await desk.call("GET", f"{export_id}/download")
    assert len(body) == status["size_bytes"]


@pytest_asyncio.fixture(loop_scope="package")
async def broken_bucket() -> AsyncIterator[dict[str, Any]]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=500, text="<Error><Code>InternalError</Code></Error>")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield {
        "files_url": "s3://files",
        "s3_endpoint": f"http://127.0.0.1:{runner.addresses[0][1]}",
        "s3_access_key_id": "key",
        "s3_secret_access_key": "secret",
        "s3_timeout_s": 1.0,
    }
    await runner.cleanup()


async def test_a_bucket_that_answers_errors_is_asked_once_more(
    desk: Desk, broken_bucket: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(_env_file=None, **{**desk.settings.model_dump(), **broken_bucket})
    monkeypatch.setattr(desk.site.runtime.exports, "files", ExportFiles(settings))
    export_id = await desk.ask(QUERY)
    await desk.runner().write_waiting()
    assert (await desk.status(export_id))["status"] == "processing"
    desk.site.runtime.clock.advance(LEASE_S + 1)
    await desk.runner().write_waiting()
    status = await desk.status(export_id)
    assert status["status"] == "failed"
    assert "s3://files" in status["error"]

"""A disk without room: a report is put off until there is some, and after the last try it has failed."""

import json

import pytest

from openride_stream.exports.files import ExportFiles
from tests.fixtures.disk import SmallDisk
from tests.reports.conftest import Desk, Hook

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAUSES_S = (61, 301, 1_801)
NO_ROOM = "No space left on device"


@pytest.fixture
def full_disk(desk: Desk, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> SmallDisk:
    """The files of reports have a page of room."""
    settings = desk.settings.model_copy(update={"exports_dir": str(small_disk.path)})
    monkeypatch.setattr(desk.site.runtime.reports, "files", ExportFiles(settings, "reports"))
    small_disk.fill(but_bytes=4_096)
    return small_disk


async def test_a_report_that_finds_no_room_is_made_when_there_is_some(
    desk: Desk, full_disk: SmallDisk
) -> None:
    schedule_id = await desk.schedule(format="pdf")
    run = await desk.made(schedule_id)
    assert (run["status"], run["delivered_at"], desk.inbox.mails) == ("pending", None, [])
    assert run["error"] == f"OPENRIDE_EXPORTS_DIR: cannot write in {full_disk.path / 'reports'}: {NO_ROOM}"
    assert full_disk.left() == []
    other = await desk.made(await desk.schedule())  # smaller than a page
    assert other["status"] == "completed"
    full_disk.clear()
    desk.site.runtime.clock.advance(PAUSES_S[0])
    await desk.runner().make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], run["error"]) == ("completed", 2, None)
    body = await desk.call("GET", f"executions/{run['execution_id']}/download")
    assert (body[:4], len(body)) == (b"%PDF", run["size_bytes"])


async def test_after_the_last_try_who_waits_for_it_is_told_that_it_does_not_come(
    desk: Desk, hook: Hook, full_disk: SmallDisk
) -> None:
    desk.site.runtime.reports.files = ExportFiles(
        desk.settings.model_copy(update={"exports_dir": str(full_disk.path)}), "reports"
    )
    schedule_id = await desk.schedule(format="pdf", webhook_url=hook.url)
    await desk.made(schedule_id)
    for pause_s in PAUSES_S:
        (run,) = await desk.executions(schedule_id)
        assert (run["status"], desk.inbox.mails, hook.came) == ("pending", [], [])
        desk.site.runtime.clock.advance(pause_s)
        await desk.runner().make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], run["filename"]) == ("failed", 4, None)
    assert NO_ROOM in run["error"]
    (mail,) = desk.inbox.mails
    assert mail["Subject"] == "Trips of the week: 2026-01-26 could not be made"
    ((_, body),) = hook.came
    assert (json.loads(body)["status"], NO_ROOM in json.loads(body)["error"]) == ("failed", True)
    assert full_disk.left() == []
    await desk.call("GET", f"executions/{run['execution_id']}/download", 409)


async def test_a_mail_that_finds_no_room_in_its_folder_is_tried_again(
    desk: Desk, small_disk: SmallDisk
) -> None:
    small_disk.fill()
    runner = desk.runner(smtp_host="", data_dir=small_disk.path)
    schedule_id = await desk.schedule(format="pdf")
    run = await desk.made(schedule_id, runner)
    assert (run["status"], run["delivered_at"], small_disk.left()) == ("pending", None, [])
    assert run["error"] == f"OPENRIDE_DATA_DIR: cannot write in {small_disk.path / 'mail'}: {NO_ROOM}"
    small_disk.clear()
    desk.site.runtime.clock.advance(PAUSES_S[0])
    await runner.make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["error"]) == ("completed", None)
    assert [path.name for path in small_disk.left()] == [f"{run['execution_id']}.eml"]

"""Folders and buckets do the same; what is wrong with a bucket is named."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openride_stream.cli.checks.findings import Patient
from openride_stream.cli.checks.storage import check_storage
from openride_stream.settings import Settings
from openride_stream.storage.place import Place, open_place
from openride_stream.storage.stored import StorageRefused, StorageUnavailable
from tests.fixtures.s3 import dying


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.s3)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    given = request.getfixturevalue("s3") if request.param == "bucket" else {}
    opened = open_place(Settings(_env_file=None, **given), f"places/{request.node.name}", tmp_path / "kept")
    yield opened
    await opened.remove([stored.name for stored in await opened.names()])


async def bytes_of(place: Place, name: str, start: int = 0, end: int | None = None) -> bytes:
    stored = await place.find(name)
    assert stored is not None
    return b"".join([chunk async for chunk in place.read(stored, start, end)])


async def test_a_file_comes_back_whole_and_in_parts(place: Place, tmp_path: Path) -> None:
    content = os.urandom(20_000_000)  # more than one part of an upload, and of a read
    (tmp_path / "file").write_bytes(content)
    await place.put(tmp_path / "file", "2026/01/a.bin", content_type="text/plain", disposition="inline")
    assert await bytes_of(place, "2026/01/a.bin") == content
    assert await bytes_of(place, "2026/01/a.bin", 9_000_000, 19_000_001) == content[9_000_000:19_000_001]
    stored = await place.find("2026/01/a.bin")
    assert stored is not None
    assert stored.size_bytes == len(content)


async def test_names_are_those_of_a_folder_and_what_is_gone_is_gone(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for name in ("b/2.txt", "b/1.txt", "c.txt"):
        await place.put(tmp_path / "file", name)
    assert [stored.name for stored in await place.names()] == ["b/1.txt", "b/2.txt", "c.txt"]
    assert [stored.name for stored in await place.names("b")] == ["b/1.txt", "b/2.txt"]
    await place.remove(["b/1.txt", "never.txt"])
    assert await place.find("b/1.txt") is None
    assert await place.names("nothing") == []


async def test_a_file_takes_the_place_of_another(place: Place, tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        (tmp_path / "file").write_bytes(content)
        await place.put(tmp_path / "file", "a")
    assert await bytes_of(place, "a") == b"second"


@pytest.mark.s3
async def test_a_server_that_dies_in_an_upload_leaves_the_file_that_was_there(
    s3: dict[str, str], tmp_path: Path
) -> None:
    there = open_place(Settings(_env_file=None, **s3), "dying", tmp_path)
    (tmp_path / "file").write_bytes(b"before")
    await there.put(tmp_path / "file", "a.bin")
    (tmp_path / "file").write_bytes(os.urandom(20_000_000))
    async with dying(s3["s3_endpoint"], 9_000_000) as endpoint:
        broken = open_place(Settings(_env_file=None, **{**s3, "s3_endpoint": endpoint}), "dying", tmp_path)
        with pytest.raises(StorageUnavailable):
            await asyncio.wait_for(broken.put(tmp_path / "file", "a.bin"), 30)
    assert await bytes_of(there, "a.bin") == b"before"


@pytest.mark.s3
@pytest.mark.parametrize(
    ("wrong", "error", "named"),
    [
        ({"s3_secret_access_key": "nope"}, StorageRefused, "OPENRIDE_S3_SECRET_ACCESS_KEY"),
        ({"s3_access_key_id": "NOBODY"}, StorageRefused, "OPENRIDE_S3_ACCESS_KEY_ID"),
        ({"files_url": "s3://nothere"}, StorageRefused, "OPENRIDE_FILES_URL: there is no bucket nothere"),
        ({"s3_endpoint": "http://127.0.0.1:1"}, StorageUnavailable, "127.0.0.1:1"),
    ],
)
async def test_what_is_wrong_is_named_by_an_upload_and_by_the_doctor(
    s3: dict[str, str], wrong: dict[str, str], error: type[Exception], named: str, tmp_path: Path
) -> None:
    settings = Settings(_env_file=None, **{**s3, **wrong})
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(error, match=named):
        await open_place(settings, "", tmp_path).put(tmp_path / "file", "a")
    (finding,) = await check_storage(Patient(settings, None))
    assert finding.state == "fail"
    assert named in finding.message


@pytest.mark.s3
async def test_the_doctor_finds_a_bucket_well(s3: dict[str, str]) -> None:
    (finding,) = await check_storage(Patient(Settings(_env_file=None, **s3), None))
    assert finding.state == "ok"


@pytest.mark.parametrize(
    "wrong",
    [{"files_url": "https://bucket"}, {"files_url": "s3://B"}, {"s3_endpoint": "http://key:secret@host"}],
)
def test_an_address_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(_env_file=None, **wrong)

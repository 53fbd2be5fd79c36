"""The check of the place where files are kept."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import uuid4

from openride_stream.cli.checks.findings import Finding, Patient
from openride_stream.storage.place import Place, open_place
from openride_stream.storage.stored import StorageRefused, StorageUnavailable

_CONTENT: Final = b"openride doctor"


async def check_storage(patient: Patient) -> Sequence[Finding]:
    """Whether a bucket takes a file, gives it back and deletes it. Folders are looked at by `disk`."""
    settings = patient.settings
    if not settings.files_url:
        return [Finding("storage", "ok", "files are kept in folders")]
    place = open_place(settings, "doctor", settings.data_dir)
    try:
        came_back = await _there_and_back(place)
    except StorageRefused as error:
        return [Finding("storage", "fail", str(error), "correct it, or make the bucket and its rights")]
    except StorageUnavailable as error:
        return [Finding("storage", "fail", str(error), "start the server, or set OPENRIDE_S3_ENDPOINT")]
    if not came_back:
        advice = "see whether something in front of the bucket changes or caches what goes through it"
        return [Finding("storage", "fail", f"{place.told} gave other bytes back", advice)]
    return [Finding("storage", "ok", f"{place.told} takes files and gives them back")]


async def _there_and_back(place: Place) -> bool:
    name = f"{uuid4()}.txt"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        await asyncio.to_thread(path.write_bytes, _CONTENT)
        await place.put(path, name)
    stored = await place.find(name)
    if stored is None:
        return False
    came = b"".join([chunk async for chunk in place.read(stored)])
    await place.remove([name])
    return came == _CONTENT and await place.find(name) is None

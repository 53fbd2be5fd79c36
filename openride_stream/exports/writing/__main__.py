"""`python -m openride_stream.exports.writing`: writes one file and ends."""

import os
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from openride_stream.errors import Limit, OpenRideError, StoreLimit, Transient
from openride_stream.exports.cells import Column
from openride_stream.exports.writing.pace import Pace
from openride_stream.exports.writing.room import may_pass
from openride_stream.exports.writing.rows import read
from openride_stream.exports.writing.task import Told, WritingTask

_TELL_EVERY_S: Final = 0.5
_NICE: Final = 19
_BEYOND: Final[dict[Limit, str]] = {
    "time": "the query took longer than one may (OPENRIDE_EXPORTS_QUERY_TIMEOUT_S)",
    "memory": "the query needs more of the store's memory than one may (OPENRIDE_EXPORTS_QUERY_MEMORY_BYTES)",
    "rows": "the query needs more of the store's rows than its profile lets it",
}
# A workbook is packed at its end, to a tenth or less of what it is before.
_UNPACKED: Final = 10


class _File(Protocol):
    @property
    def rows(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...

    def write(self, chunk: bytes) -> None: ...

    def close(self) -> None: ...


def main() -> None:
    """Do the task on standard input. A worker that dies closes it, and nobody is left to write for."""
    _yield_to_others()
    task = WritingTask.load(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_worker, daemon=True).start()
    try:
        told = _write(task)
    except StoreLimit as error:
        told = Told(error=_BEYOND[error.limit])  # at its own limit a query would end the next time, too
    except OpenRideError as error:
        told = Told(error=str(error), transient=isinstance(error, Transient))
    except OSError as error:
        told = Told(error=f"OPENRIDE_EXPORTS_DIR: {error.strerror or error}", transient=may_pass(error))
    except Exception as error:  # whatever it is, the worker has to say why
        told = Told(error=f"{type(error).__name__}: {error}")
    _tell(told)


def _yield_to_others() -> None:
    """Take the processor only while nobody else wants it: events that come in do not wait for a file."""
    os.nice(_NICE)
    # Of Linux; a priority alone leaves a tenth of a core to a process that computes all the time.
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    # Where Linux shares the processor among sessions first, that is so among those of the worker alone: in a
    # session of its own, of the least weight, it gives way to the store and the broker as well.
    with suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(_NICE))


def _end_with_worker() -> None:
    # Not through the buffer: its lock would be held when this process ends by itself.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


def _tell(told: Told) -> None:
    sys.stdout.buffer.write(told.dump())
    sys.stdout.buffer.flush()


def _write(task: WritingTask) -> Told:
    path = Path(task.path)
    # Beside the file. Not by TMPDIR: of a folder without room Python would take another one.
    tempfile.tempdir = str(path.parent)
    pace = Pace()
    file = _opened(task, path, pace)
    told_s, read_bytes = time.monotonic(), 0
    for chunk in read(task.query):
        with pace.work():
            file.write(chunk)
        read_bytes += len(chunk)
        if file.size_bytes > task.max_bytes or read_bytes > _UNPACKED * task.max_bytes:
            return _too_large(task)
        if time.monotonic() - told_s >= _TELL_EVERY_S:
            told_s = time.monotonic()
            _tell(Told(file.rows, file.size_bytes))
    file.close()
    if file.size_bytes > task.max_bytes:
        return _too_large(task)
    with path.open("rb") as written:
        os.fsync(written.fileno())
    return Told(file.rows, file.size_bytes, done=True)


def _too_large(task: WritingTask) -> Told:
    return Told(error=f"the file would be larger than {task.max_bytes:,} bytes (OPENRIDE_EXPORTS_FILE_BYTES)")


def _opened(task: WritingTask, path: Path, pace: Pace) -> _File:
    # What the other formats do not need is not loaded for them.
    if task.form == "excel":
        from openride_stream.exports.writing.excel import ExcelFile

        return ExcelFile(path, [Column(name, kind) for name, kind in task.columns], pace=pace)
    from openride_stream.exports.writing.plain import CsvFile, ParquetFile

    return CsvFile(path) if task.form == "csv" else ParquetFile(path)


if __name__ == "__main__":
    main()

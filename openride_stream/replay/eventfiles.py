"""Files of events: JSON Lines, CSV, and what `openride replay --json-out` has written.

- JSON Lines: an event or a schedule execution a line, sent with the line's own bytes; or a line of
  `recordlog`, sent as it was.
- CSV: a column for each field, an empty cell for an absent one. A cell that reads as a JSON number,
  true, false, list or object is that; a field that the contract declares as text stays text.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from openride_stream.errors import Rejected
from openride_stream.events.topics import BY_NAME
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.recordlog import value_in
from openride_stream.replay.routing import key_of, topic_of
from openride_stream.replay.textfields import text_fields

JSON_LINES: Final = frozenset({".jsonl", ".ndjson", ".json"})


class BadEventFile(Rejected):
    """A line cannot be sent: it names no topic and its event's type has none. The message names the line."""


def holds_events(path: Path) -> bool:
    """Whether a file is one of events; a CSV without an event_type or schedule_type is one of trips."""
    if path.suffix.lower() in JSON_LINES:
        return True
    with path.open(encoding="utf-8-sig", newline="") as lines:
        header = next(csv.reader(lines), [])
    return bool({"event_type", "schedule_type"} & set(header))


def read_parcels(path: Path) -> Iterator[Parcel]:
    """The file's records in its order, read as they are asked for.

    Raises:
        BadEventFile: a line cannot be sent.
    """
    at_ms = 0
    values = _json_lines(path) if path.suffix.lower() in JSON_LINES else _csv_rows(path)
    for number, parcel in values:
        if parcel is None:
            message = f"{path}, line {number}: neither an event of the contract nor a record with a topic"
            raise BadEventFile(message)
        # A record without a readable time is due with the one before it.
        at_ms = parcel.at_ms or at_ms
        yield parcel._replace(at_ms=at_ms)


def _json_lines(path: Path) -> Iterator[tuple[int, Parcel | None]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if text := line.strip():
                yield number, _from_line(text)


def _csv_rows(path: Path) -> Iterator[tuple[int, Parcel | None]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        for row in reader:
            body = event_of_row(row.items())
            topic = topic_of(body)
            yield reader.line_num, _of_event(topic, body, orjson.dumps(body)) if topic else None


def _from_line(line: bytes) -> Parcel | None:
    try:
        body = orjson.loads(line)
        if not isinstance(body, dict):
            return None
        if "topic" in body and ("value" in body or "value_base64" in body):
            return _of_envelope(body)
    except ValueError:
        return None
    topic = topic_of(body)
    return _of_event(topic, body, line) if topic else None


def _of_envelope(envelope: dict[str, Any]) -> Parcel | None:
    topic, key, value = envelope["topic"], envelope.get("key"), value_in(envelope)
    if topic not in BY_NAME or not isinstance(key, str | None):
        return None
    try:
        body = orjson.loads(value or b"")
    except ValueError:
        body = None
    parcel = _of_event(topic, body if isinstance(body, dict) else {}, value)
    bad, again = envelope.get("bad"), envelope.get("duplicate_of")
    return parcel._replace(key=key.encode() if key is not None else None, bad=bad, duplicate_of=again)


def _of_event(topic: str, body: dict[str, Any], value: bytes | None) -> Parcel:
    key = key_of(topic, body)
    event_id = body.get("event_id") or body.get("analytics_id")
    return Parcel(event_time_ms(body), topic, key.encode() if key else None, value, event_id)


def event_time_ms(body: dict[str, Any]) -> int:
    """Event time in ms since the epoch, or 0 when there is none to be read."""
    text = body.get("event_timestamp") or body.get("started_processing_at")
    try:
        moment = datetime.fromisoformat(text or "")
    except (ValueError, TypeError):
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def event_of_row(cells: Iterable[tuple[str, str | None]]) -> dict[str, Any]:
    """The event of a CSV row (or of `emit`'s arguments): typed values of the cells that are not empty."""
    filled = {name: cell for name, cell in cells if cell}
    as_text = text_fields(filled.get("event_type"), filled.get("schedule_type"))
    return {name: cell if name in as_text else _typed(cell) for name, cell in filled.items()}


def _typed(cell: str) -> Any:
    try:
        value = orjson.loads(cell)
    except ValueError:
        return cell
    return cell if value is None or isinstance(value, str) else value

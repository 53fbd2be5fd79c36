"""The ledger of redrives and the answer of `/v1/dead-letters`, in ClickHouse."""

import orjson

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.queries.dead_letters import DeadLetterQuestion, dead_letters
from openride_stream.clickhouse.redrives import Redrives
from openride_stream.clock import SystemClock
from openride_stream.events.letter_views import letter_row
from openride_stream.events.letters import Letter
from openride_stream.events.rejects import Reject
from tests.events.batches import POLICY, FakeRecord

TOPIC = "openride.events.user"


def letter(value: bytes = b"{}", offset: int = 0, **record: object) -> Letter:
    now_ms = SystemClock().now_ms()
    given = FakeRecord(value, offset, **({"timestamp": now_ms} | record))  # type: ignore[arg-type]
    return Letter.of(TOPIC, 2, Reject(given, "InvalidField", "role: wrong"), "worker-1", now_ms)


async def test_the_ledger_knows_a_failure_and_no_other(store: ClickHouse) -> None:
    ledger = Redrives(store, SystemClock())
    one = letter(offset=5)
    same_place_other_bytes = letter(b"[]", offset=5, timestamp=one.first.timestamp)
    later = letter(offset=5, timestamp=one.first.timestamp, headers=one.redrive_headers())
    without_a_time = letter(offset=6, timestamp=-1)
    others = [same_place_other_bytes, later, letter(offset=7), without_a_time]
    assert await ledger.redriven([one, *others]) == [False] * 5
    await ledger.record([one, without_a_time])
    assert await ledger.redriven([one, *others]) == [True, False, False, False, True]
    await ledger.record([])
    assert await ledger.redriven([]) == []


async def test_a_whole_slice_can_be_asked_for(store: ClickHouse) -> None:
    ledger = Redrives(store, SystemClock())
    many = [letter(offset=18_000_000_000_000_000_000 + number) for number in range(200)]
    await ledger.record(many[:100])
    assert await ledger.redriven(many) == [True] * 100 + [False] * 100


async def test_pages_are_filtered_newest_first_and_say_what_was_redriven(store: ClickHouse) -> None:
    letters = [letter(orjson.dumps({"event_type": "user.activity", "n": n}), offset=n) for n in range(5)]
    rows = [letter_row(one, POLICY.pii_key, 1_000_000) for one in letters]
    for n, row in enumerate(rows):
        row["dlq_offset"], row["dead_lettered_at"] = n, row["dead_lettered_at"] - 1_000 * n
    rows[4] |= {"error": "too_late", "timestamp_ms": 2**63}
    for _ in range(2):  # redelivered
        await store.insert(f"{store.database}.dead_letters", orjson.dumps(rows)[1:-1])
    await Redrives(store, SystemClock()).record(letters[1:2])

    answer = await dead_letters(store, DeadLetterQuestion(limit=2, skip=1))
    assert (answer["total"], answer["limit"], answer["offset"]) == (5, 2, 1)
    assert [one["first_offset"] for one in answer["dead_letters"]] == [1, 2]
    assert [one["redriven_at"] is None for one in answer["dead_letters"]] == [False, True]
    (late,) = (await dead_letters(store, DeadLetterQuestion(9, 0, error="too_late")))["dead_letters"]
    assert late["first_timestamp"] is None, "no calendar has it"
    start_ms = rows[1]["dead_lettered_at"]
    ranged = DeadLetterQuestion(9, 0, TOPIC, event_type="user.activity", start_ms=start_ms)
    assert (await dead_letters(store, ranged))["total"] == 2
    ended = DeadLetterQuestion(9, 0, end_ms=start_ms)
    assert (await dead_letters(store, ended))["total"] == 3

"""`GET /v1/dead-letters`."""

import orjson
import pytest

from openride_stream.api.dead_letters import DeadLettersPage
from openride_stream.events.letter_views import letter_row
from tests.clickhouse.test_redrives import TOPIC, letter
from tests.events.batches import POLICY
from tests.fixtures.web import Site

PHONE = "+2348012345678"


async def test_it_shows_masked_fields_and_never_the_record(site: Site) -> None:
    good = letter(orjson.dumps({"event_type": "user.registered", "phone": PHONE, "n": 1e300}), offset=1)
    broken = letter(f"{{ {PHONE}".encode(), offset=2)
    rows = [letter_row(one, POLICY.pii_key, 1_000_000) | {"dlq_offset": 3} for one in (good, broken)]
    await site.runtime.store.insert(
        f"{site.settings.clickhouse_database}.dead_letters", orjson.dumps(rows)[1:-1]
    )
    answer = await site.get("/v1/dead-letters", topic=TOPIC, error="InvalidField")
    DeadLettersPage.model_validate(answer)
    assert answer["total"] == 2
    assert PHONE not in str(answer)
    by_offset = {one["first_offset"]: one for one in answer["dead_letters"]}
    assert len(by_offset[1]["fields"]["phone"]) == 64
    assert by_offset[2]["fields"] is None
    assert (await site.get("/v1/dead-letters", event_type="user.registered"))["total"] == 1


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("topic", "openride.events.none", 422),
        ("limit", "0", 422),
        ("limit", "many", 400),
        ("offset", "-1", 422),
        ("end_date", "2026-01-01", 422),
    ],
)
async def test_what_is_wrong_is_named(bare_site: Site, name: str, value: str, status: int) -> None:
    given = {"start_date": "2026-01-02", name: value} if name == "end_date" else {name: value}
    problem = await bare_site.get("/v1/dead-letters", status, **given)
    assert [fault["parameter"] for fault in problem["errors"]] == [name]

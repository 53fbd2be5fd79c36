import orjson

from tests.events.batches import decode_values
from tests.replay.passes import parcels


def test_duplicates_are_the_same_bytes_on_the_same_topic() -> None:
    sent = parcels(60, duplicates=0.1)
    originals = {parcel.event_id: parcel for parcel in sent if parcel.duplicate_of is None}
    again = [parcel for parcel in sent if parcel.duplicate_of]
    assert 0.05 < len(again) / len(originals) < 0.15
    for parcel in again:
        first = originals[parcel.duplicate_of]
        assert (parcel.value, parcel.topic, parcel.key) == (first.value, first.topic, first.key)


def test_duplicates_come_a_little_and_far_later_but_never_first() -> None:
    sent = parcels(60, duplicates=0.2)
    first_at = {parcel.event_id: n for n, parcel in enumerate(sent) if parcel.duplicate_of is None}
    gaps = [n - first_at[parcel.duplicate_of] for n, parcel in enumerate(sent) if parcel.duplicate_of]
    assert min(gaps) > 0
    assert any(gap < 60 for gap in gaps)
    assert any(gap > 500 for gap in gaps)


def test_an_event_without_identity_is_never_resent() -> None:
    sent = parcels(40, duplicates=0.5, without_ids=0.5)
    values = [parcel.value for parcel in sent if parcel.event_id is None]
    assert values
    assert len(values) == len(set(values))


def test_conflicts_carry_the_identity_of_another_content_and_are_accepted() -> None:
    sent = parcels(40, conflicts=0.2)
    kept = {parcel.event_id: parcel for parcel in sent if parcel.duplicate_of is None}
    conflicts = [parcel for parcel in sent if parcel.duplicate_of]
    assert conflicts
    for parcel in conflicts:
        body = orjson.loads(parcel.value or b"")
        assert (body.get("event_id") or body.get("analytics_id")) == parcel.duplicate_of
        assert parcel.value != kept[parcel.duplicate_of].value
        assert decode_values(parcel.topic, [parcel.value]).rejects == []

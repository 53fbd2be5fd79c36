from collections import Counter

from openride_stream.events.rejects import RejectClass
from openride_stream.replay.faults import MOST_LARGE_RECORDS
from tests.events.batches import decode_values
from tests.replay.passes import parcels


def test_every_bad_record_is_rejected_as_it_says_and_no_good_one_is() -> None:
    sent = parcels(100, bad=0.3)
    for parcel in sent:
        rejects = decode_values(parcel.topic, [parcel.value]).rejects
        assert [reject.error for reject in rejects] == ([parcel.bad] if parcel.bad else [])


def test_every_class_of_the_contract_occurs() -> None:
    classes = Counter(parcel.bad for parcel in parcels(100, bad=0.3) if parcel.bad)
    assert set(classes) == {str(one) for one in RejectClass}
    assert classes["RecordTooLarge"] <= MOST_LARGE_RECORDS


def test_bad_records_are_added_to_the_good_ones_not_taken_from_them() -> None:
    good = [parcel for parcel in parcels(40, bad=0.2) if parcel.bad is None]
    assert good == parcels(40)

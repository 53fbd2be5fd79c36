import uuid

from hypothesis import given
from hypothesis import strategies as st

from openride_stream.replay.ids import Ids, uuid5_text


@given(st.uuids(), st.text(max_size=30))
def test_is_the_uuid5_of_the_standard_library(namespace: uuid.UUID, name: str) -> None:
    assert uuid5_text(namespace.bytes, name) == str(uuid.uuid5(namespace, name))


def test_another_scope_gives_another_id_for_the_same_name() -> None:
    assert Ids("1|0|0").of("booking/1") != Ids("1|0|1").of("booking/1")
    assert Ids("1|0|0").of("booking/1") == Ids("1|0|0").of("booking/1")

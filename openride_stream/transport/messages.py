"""A batch on its way through Faust, from the transport to an agent's stream."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import faust
from faust.types import TP, ConsumerMessage, Message

from openride_stream.events.records import Record, RecordBatch
from openride_stream.transport.ledger import Handout

if TYPE_CHECKING:
    _Schema = faust.Schema[Any, Any]
else:
    _Schema = faust.Schema  # generic for type checkers only


class BatchMessage(ConsumerMessage):
    """One batch of a partition on its way through Faust; its value is a `RecordBatch`."""

    handout: Handout

    @classmethod
    def of(cls, tp: TP, run: Sequence[Record], generation_id: int) -> Self:
        """`run`, never empty, as one message at the offset of its last record."""
        last = run[-1]
        return cls(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            0,
            [],
            None,
            RecordBatch(tp.topic, tp.partition, run),  # type: ignore[arg-type]  # Faust knows only bytes
            None,
            0,
            0,
            tp,
            generation_id=generation_id,
        )

    @property
    def batch(self) -> RecordBatch:
        """The records."""
        return cast(RecordBatch, self.value)  # Faust types values as bytes


class BatchSchema(_Schema):
    """Values are handed on as they are: decoding is the application's, a batch at a time."""

    def loads_key(self, app: Any, message: Message, **kwargs: Any) -> Any:
        """The message's key, untouched (None for a batch)."""
        del app, kwargs
        return message.key

    def loads_value(self, app: Any, message: Message, **kwargs: Any) -> Any:
        """The message's value, untouched: a `RecordBatch`."""
        del app, kwargs
        return message.value

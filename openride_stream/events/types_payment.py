"""Events of `openride.events.payment`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field

from openride_stream.events.scalars import CardDigits, Currency, Id, Money, Text, UInt32
from openride_stream.events.types_common import Event


class Payment(Event):
    """What every event of a payment names."""

    payment_id: Id
    booking_id: Id
    rider_id: Id
    currency: NotRequired[Currency | None]


class PaymentInitiated(Payment):
    """A rider began to pay."""

    event_type: Literal["payment.initiated"]
    amount: Money
    payment_method: Text
    provider: NotRequired[Annotated[Text | None, Field(default="interswitch")]]
    provider_transaction_id: NotRequired[Text | None]


class PaymentSuccess(Payment):
    """The provider took the money."""

    event_type: Literal["payment.success"]
    amount: Money
    payment_method: Text
    provider: Text
    provider_transaction_id: Text
    processing_time_ms: UInt32
    card_last4: NotRequired[CardDigits | None]


class PaymentFailed(Payment):
    """The provider refused."""

    event_type: Literal["payment.failed"]
    amount: Money
    payment_method: Text
    provider: Text
    error_code: Text
    error_message: Text
    provider_transaction_id: NotRequired[Text | None]
    processing_time_ms: NotRequired[UInt32 | None]


class PaymentRefunded(Payment):
    """Money went back to the rider."""

    event_type: Literal["payment.refunded"]
    refund_amount: Money
    original_amount: Money
    refund_reason: Text
    refunded_by: NotRequired[Text | None]
    provider_refund_id: NotRequired[Text | None]

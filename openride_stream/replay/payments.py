"""Payments of a booking, by the trip's method: tries, failures, retries and refunds."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from openride_stream.replay.story import Story
from openride_stream.replay.zones import Zone

PROVIDERS: Final = {"card": "interswitch", "cash": "driver"}
ERRORS: Final = (("51", "insufficient funds"), ("91", "issuer not available"), ("05", "do not honour"))


@dataclass(frozen=True, slots=True)
class Bill:
    """What is to be paid, by whom and for which booking."""

    payment_id: str
    booking_id: str
    rider_id: str
    amount: Decimal
    method: str
    zone: Zone

    def fields(self) -> dict[str, object]:
        """The fields that an attempt to pay carries."""
        return {
            "payment_id": self.payment_id,
            "booking_id": self.booking_id,
            "rider_id": self.rider_id,
            "amount": str(self.amount),
            "payment_method": self.method,
            "provider": PROVIDERS.get(self.method, "interswitch"),
        }


def initiated(story: Story, bill: Bill, at_ms: int) -> None:
    """The rider is asked to pay."""
    story.add("payment.initiated", at_ms, bill.payment_id, None, {**bill.fields(), **story.money()})


def failed(story: Story, bill: Bill, at_ms: int) -> int:
    """A try that fails; returns when, in ms since the epoch."""
    took_ms = story.dice.randrange(300, 4_000)
    code, text = story.dice.choice(ERRORS)
    fields = {
        **bill.fields(),
        "error_code": code,
        "error_message": text,
        "processing_time_ms": took_ms,
        **story.money(),
    }
    story.add("payment.failed", at_ms + took_ms, bill.payment_id, bill.zone, fields)
    return at_ms + took_ms


def succeeded(story: Story, bill: Bill, at_ms: int) -> int:
    """A try that succeeds; returns when, in ms since the epoch."""
    cash = bill.method == "cash"
    took_ms = story.dice.randrange(20, 200) if cash else int(400 + story.dice.expovariate(1 / 700)) % 8_000
    fields = {
        **bill.fields(),
        "provider_transaction_id": f"TX-{bill.payment_id[:13]}",
        "processing_time_ms": took_ms,
        **({"card_last4": f"{story.dice.randrange(10_000):04d}"} if bill.method == "card" else {}),
        **story.money(),
    }
    story.add("payment.success", at_ms + took_ms, bill.payment_id, bill.zone, fields)
    return at_ms + took_ms


def refunded(story: Story, bill: Bill, at_ms: int, share: Decimal, reason: str) -> None:
    """Pay back `share` (0..1) of the amount, rounded to cents."""
    fields = {
        "payment_id": bill.payment_id,
        "booking_id": bill.booking_id,
        "rider_id": bill.rider_id,
        "refund_amount": str((bill.amount * share).quantize(Decimal("0.01"))),
        "original_amount": str(bill.amount),
        "refund_reason": reason,
        "refunded_by": "support" if share < 1 else "system",
        **story.money(),
    }
    story.add("payment.refunded", at_ms, bill.payment_id, None, fields)

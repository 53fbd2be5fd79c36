"""Events of `openride.events.user`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field

from openride_stream.events.scalars import Id, JsonObject, Phone, Role, Text
from openride_stream.events.types_common import Event


class UserRegistered(Event):
    """A user signed up. A user registers once: the earliest event counts."""

    event_type: Literal["user.registered"]
    user_id: Id
    phone: Phone
    role: Role
    full_name: NotRequired[Text | None]
    email: NotRequired[Text | None]
    referral_code: NotRequired[Text | None]


class UserKycVerified(Event):
    """The identity check of a user ended."""

    event_type: Literal["user.kyc_verified"]
    user_id: Id
    kyc_status: Literal["VERIFIED", "REJECTED"]
    verification_notes: NotRequired[Text | None]
    verified_by: NotRequired[Text | None]


class UserUpgradedToDriver(Event):
    """A user took on the driver's role."""

    event_type: Literal["user.upgraded_to_driver"]
    user_id: Id
    previous_role: NotRequired[Annotated[Role | None, Field(default="RIDER")]]
    new_role: NotRequired[Annotated[Role | None, Field(default="DRIVER")]]


class UserActivity(Event):
    """A user did something in the application."""

    event_type: Literal["user.activity"]
    user_id: Id
    activity_type: Text
    device_info: NotRequired[JsonObject | None]
    ip_address: NotRequired[Text | None]
    location: NotRequired[JsonObject | None]

"""Every event type once: its topic, its fields, its defaults, and the validator of a whole topic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, NotRequired, Union, get_args, get_origin, get_type_hints

from pydantic import Discriminator, TypeAdapter
from pydantic.fields import FieldInfo

from openride_stream.events.topics import TOPICS, Domain, SourceTopic
from openride_stream.events.types_booking import (
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingCreated,
)
from openride_stream.events.types_payment import (
    PaymentFailed,
    PaymentInitiated,
    PaymentRefunded,
    PaymentSuccess,
)
from openride_stream.events.types_route import RouteActivated, RouteCancelled, RouteCreated, RouteUpdated
from openride_stream.events.types_schedule import ScheduleExecution, ScheduleFields, ScheduleUpdate
from openride_stream.events.types_trip import DriverLocationUpdated, TripCancelled, TripCompleted, TripStarted
from openride_stream.events.types_user import (
    UserActivity,
    UserKycVerified,
    UserRegistered,
    UserUpgradedToDriver,
)

Row = dict[str, Any]
Validator = TypeAdapter[list[Row]]

_CLASSES: Final[Mapping[Domain, tuple[type, ...]]] = {
    "user": (UserRegistered, UserKycVerified, UserUpgradedToDriver, UserActivity),
    "booking": (BookingCreated, BookingConfirmed, BookingCancelled, BookingCompleted),
    "payment": (PaymentInitiated, PaymentSuccess, PaymentFailed, PaymentRefunded),
    "trip": (TripStarted, TripCompleted, TripCancelled),
    "route": (RouteCreated, RouteActivated, RouteCancelled, RouteUpdated),
    "location": (DriverLocationUpdated,),
}
_MARKS: Final = ("personal_", "update")


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of record: the TypedDict that validates it, and what follows from its fields.

    Attributes:
        typed_dict: the declaration.
        fields: names of the declared fields, in order; every row of the type has no other columns.
        defaults: value of each optional field that has one, `currency` excepted (it is a setting).
        has_currency: whether amounts of the type take the default currency.
    """

    typed_dict: type
    fields: tuple[str, ...]
    defaults: Mapping[str, Any]
    has_currency: bool


def _field_info(hint: Any) -> FieldInfo | None:
    while get_origin(hint) is NotRequired:
        (hint,) = get_args(hint)
    if get_origin(hint) is not Annotated:
        return None
    return next((mark for mark in get_args(hint) if isinstance(mark, FieldInfo)), None)


def _shape(typed_dict: type) -> Shape:
    hints = get_type_hints(typed_dict, include_extras=True)
    marks = {name: info for name, hint in hints.items() if (info := _field_info(hint)) is not None}
    return Shape(
        typed_dict=typed_dict,
        fields=tuple(name for name in hints if name not in _MARKS),
        defaults={name: info.default for name, info in marks.items() if not info.is_required()},
        has_currency="currency" in hints,
    )


def _event_type(typed_dict: type) -> str:
    name: str
    (name,) = get_args(get_type_hints(typed_dict)["event_type"])
    return name


EVENT_SHAPES: Final[Mapping[str, Shape]] = {
    _event_type(typed_dict): _shape(typed_dict) for group in _CLASSES.values() for typed_dict in group
}
"""The twenty event types."""
WITH_CURRENCY: Final = frozenset(name for name, shape in EVENT_SHAPES.items() if shape.has_currency)
"""The types whose amounts take the default currency."""
EXECUTION: Final = _shape(ScheduleExecution)
UPDATE: Final = _shape(ScheduleUpdate)
EXECUTION_KIND: Final = "schedule.execution"
UPDATE_KIND: Final = "schedule.update"
SHAPES: Final[Mapping[str, Shape]] = {**EVENT_SHAPES, EXECUTION_KIND: EXECUTION, UPDATE_KIND: UPDATE}
"""Every kind of record: the event types, and the two of schedule topics, whose `event_type` is a field like
any other.
"""
UPDATABLE: Final = frozenset(
    {"execution_result", *get_type_hints(ScheduleFields)} - {"personal_", "schedule_type"}
)
"""The fields of an execution that an update may change."""

DOMAIN_OF: Final[Mapping[str, Domain]] = {
    _event_type(typed_dict): domain for domain, group in _CLASSES.items() for typed_dict in group
}
DOMAINS_WITH_CURRENCY: Final = frozenset(DOMAIN_OF[name] for name in WITH_CURRENCY)
TOPIC_OF: Final[Mapping[str, SourceTopic]] = {
    event_type: topic
    for event_type, domain in DOMAIN_OF.items()
    for topic in TOPICS
    if topic.domain == domain
}
"""The topic that each event type belongs to."""


def _validator(domain: Domain) -> Validator:
    if domain == "schedule":
        return TypeAdapter(list[ScheduleExecution])  # type: ignore[arg-type]
    group = _CLASSES[domain]
    if len(group) == 1:
        return TypeAdapter(list[group[0]])  # type: ignore[valid-type]
    union = Annotated[Union[group], Discriminator("event_type")]  # type: ignore[valid-type]  # noqa: UP007
    return TypeAdapter(list[union])


VALIDATORS: Final[Mapping[Domain, Validator]] = {topic.domain: _validator(topic.domain) for topic in TOPICS}
"""One validator a domain, for a JSON array of its records."""
UPDATE_VALIDATOR: Final[Validator] = TypeAdapter(list[ScheduleUpdate])  # type: ignore[arg-type]

"""The endpoints of figures, computed from the distinct accepted events."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.reference import people, rankings
from tests.reference.arithmetic import half_up, mean, money, quantile, rate
from tests.reference.moments import DAY_MS, Moment, buckets, label, to_ms
from tests.reference.world import Event, Pile, World

EVENT_TOPICS = "openride.events."
P95 = Fraction(95, 100)


@dataclass(frozen=True, slots=True)
class Question:
    """What an endpoint is asked: a range in ms, a place, a currency, a granularity."""

    start_ms: int
    end_ms: int
    city: str | None
    state: str | None
    currency: str
    granularity: str | None


class Reference:
    """Fed with accepted records in any order, answers as the API must. `currency` is the platform's own."""

    def __init__(self, currency: str = "NGN") -> None:
        self._currency = currency
        self._pile = Pile()
        self._known: World | None = None

    def add(self, topic: str, value: bytes) -> None:
        """An accepted record. Schedule executions have no part in these figures."""
        if topic.startswith(EVENT_TOPICS):
            self._pile.add(value)
            self._known = None

    def users(self, start: Moment, end: Moment, **more: Any) -> dict[str, Any]:
        return self._answer(self._users, self._active_users, start, end, **more)

    def bookings(self, start: Moment, end: Moment, **more: Any) -> dict[str, Any]:
        return self._answer(self._bookings, self._ids("booking.created"), start, end, **more)

    def payments(self, start: Moment, end: Moment, **more: Any) -> dict[str, Any]:
        return self._answer(self._payments, self._ids("payment.initiated"), start, end, **more)

    def trips(self, start: Moment, end: Moment, **more: Any) -> dict[str, Any]:
        return self._answer(self._trips, self._ids("trip.started"), start, end, **more)

    def drivers(
        self, start: Moment, end: Moment, *, limit: int = 100, sort: str = "earnings", **more: Any
    ) -> dict[str, Any]:
        def figures(question: Question) -> dict[str, Any]:
            completions = self._in(question, "trip.completed")
            return rankings.drivers(completions, self._paid(question), limit, sort)

        return self._answer(figures, self._ids("trip.completed"), start, end, **more)

    def routes(self, start: Moment, end: Moment, *, limit: int = 100, **more: Any) -> dict[str, Any]:
        def figures(question: Question) -> dict[str, Any]:
            confirmed, started = (self._in(question, name) for name in ("booking.confirmed", "trip.started"))
            return rankings.routes(confirmed, started, self._paid(question), self.world, limit)

        return self._answer(figures, self._ids("booking.confirmed"), start, end, **more)

    def geographic(
        self, start: Moment, end: Moment, *, metric: str = "bookings", **more: Any
    ) -> dict[str, Any]:
        def figures(question: Question) -> dict[str, Any]:
            world = self.world
            if metric == "revenue":
                successes = self._in(question, "payment.success")
                return rankings.revenue_by_place(self._paid_in(question, successes), world)
            if metric == "users":
                return rankings.by_place(self._in(question), world, Event.users)
            created = self._in(question, "booking.created")
            return rankings.by_place(created, world, lambda event: [event.of("booking_id")])

        return self._answer(figures, self._active_users, start, end, **more)

    def trends(self, start: Moment, end: Moment, *, metric: str, **more: Any) -> dict[str, Any]:
        """The figure of the metrics endpoints, asked of every bucket by itself."""
        question = self._question(start, end, **more)

        def value(low: int, high: int) -> Any:
            part = replace(question, start_ms=low, end_ms=high)
            match metric:
                case "revenue":
                    return self._payments(part)["total_revenue"]
                case "payment_success_rate":
                    return self._payments(part)["success_rate"]
                case "avg_trip_duration":
                    return self._trips(part)["avg_duration_minutes"]
                case "registrations":
                    return self._users(part)["new_registrations"]
                case "active_users":
                    return len(self._active_users(part, low, high))
                case "active_drivers" | "trips_completed":
                    return self._trips(part)[metric]
            return self._bookings(part)[metric]

        parts = buckets(question.start_ms, question.end_ms, question.granularity or "daily")
        return {
            "data_points": [
                {"timestamp": label(bucket), "value": value(low, high)} for bucket, low, high in parts
            ]
        }

    def funnel(self, start: Moment, end: Moment, *, window_days: int = 30, **more: Any) -> dict[str, Any]:
        question = self._question(start, end, **more)
        return people.funnel(self._registered(question), self.world, window_days)

    def retention(
        self, start: Moment, end: Moment, *, user_type: str, today: int, **more: Any
    ) -> dict[str, Any]:
        question = self._question(start, end, **more)
        typed = people.of_type(self._registered(question), user_type, self.world, question.end_ms)
        return people.retention(typed, self.world, today)

    def cohort(
        self, start: Moment, end: Moment, *, cohort_type: str, periods: int, now_ms: int, **more: Any
    ) -> dict[str, Any]:
        question = self._question(start, end, **more)
        registered = self._registered(question)
        return people.cohorts(registered, self.world, question.start_ms, cohort_type, periods, now_ms)

    def _registered(self, question: Question) -> dict[str, Event]:
        return {
            user: event
            for user, event in self.world.registrations.items()
            if question.start_ms <= event.ms < question.end_ms and self._here(question, event)
        }

    @property
    def world(self) -> World:
        if self._known is None:
            self._known = World(self._pile.events())
        return self._known

    def _answer(
        self,
        figures: Callable[[Question], dict[str, Any]],
        first: Callable[[Question, int, int], set[str]],
        start: Moment,
        end: Moment,
        **more: Any,
    ) -> dict[str, Any]:
        question = self._question(start, end, **more)
        answer = figures(question)
        if question.granularity:
            answer["time_series"] = [
                {"timestamp": label(bucket), "value": len(first(question, low, high))}
                for bucket, low, high in buckets(question.start_ms, question.end_ms, question.granularity)
            ]
        return answer

    def _question(
        self,
        start: Moment,
        end: Moment,
        *,
        city: str | None = None,
        state: str | None = None,
        currency: str | None = None,
        granularity: str | None = None,
    ) -> Question:
        return Question(to_ms(start), to_ms(end), city, state, currency or self._currency, granularity)

    # What counts

    def _here(self, question: Question, event: Event) -> bool:
        if question.city is None and question.state is None:
            return True
        city, state = self.world.place(event)
        return question.city in (None, city) and question.state in (None, state)

    def _in(self, question: Question, *types: str) -> list[Event]:
        events = self.world.between(question.start_ms, question.end_ms, *types)
        return [event for event in events if self._here(question, event)]

    def _ids(self, event_type: str) -> Callable[[Question, int, int], set[str]]:
        name = f"{event_type.split('.', maxsplit=1)[0]}_id"

        def distinct(question: Question, low: int, high: int) -> set[str]:
            events = self.world.between(low, high, event_type)
            return {event.of(name) for event in events if self._here(question, event)}

        return distinct

    def _distinct(self, question: Question, event_type: str) -> set[str]:
        return self._ids(event_type)(question, question.start_ms, question.end_ms)

    def _anywhere(self, question: Question, event_type: str, name: str) -> set[str]:
        events = self.world.between(question.start_ms, question.end_ms, event_type)
        return {event.of(name) for event in events}

    def _share(self, question: Question, part_type: str, whole: set[str], name: str) -> float:
        """Entities of `part_type` in range for those of `whole`; under a place filter, only the latter's."""
        part = self._anywhere(question, part_type, name)
        if question.city is not None or question.state is not None:
            part &= whole
        return rate(len(part), len(whole))

    def _total(self, question: Question, events: list[Event], name: str) -> Decimal:
        return sum((event.amount(name) for event in self._paid_in(question, events)), Decimal(0))

    def _paid(self, question: Question) -> Callable[[Event], bool]:
        return lambda event: (event.body.get("currency") or self._currency) == question.currency

    def _paid_in(self, question: Question, events: list[Event]) -> list[Event]:
        return list(filter(self._paid(question), events))

    # The four answers

    def _active_users(self, question: Question, low: int, high: int) -> set[str]:
        events = self.world.between(low, high)
        return {user for event in events if self._here(question, event) for user in event.users()}

    def _users(self, question: Question) -> dict[str, Any]:
        world, end_ms = self.world, question.end_ms
        counted = {
            user: event
            for user, event in world.registrations.items()
            if event.ms < end_ms and self._here(question, event)
        }
        registered = [user for user, event in counted.items() if event.ms >= question.start_ms]
        drivers = [
            user
            for user, event in world.became_drivers().items()
            if question.start_ms <= event.ms < end_ms and self._here(question, event)
        ]
        verified = sum(world.verified_ms.get(user, end_ms) < end_ms for user in registered)
        activated = sum(world.first_route_ms.get(user, end_ms) < end_ms for user in drivers)
        return {
            "dau": len(self._active_users(question, end_ms - DAY_MS, end_ms)),
            "wau": len(self._active_users(question, end_ms - 7 * DAY_MS, end_ms)),
            "mau": len(self._active_users(question, end_ms - 30 * DAY_MS, end_ms)),
            "new_registrations": len(registered),
            "total_users": len(counted),
            "kyc_completion_rate": rate(verified, len(registered)),
            "driver_activation_rate": rate(activated, len(drivers)),
        }

    def _bookings(self, question: Question) -> dict[str, Any]:
        created = self._distinct(question, "booking.created")
        confirmations = self._in(question, "booking.confirmed")
        priced = self._paid_in(question, confirmations)
        total = self._total(question, confirmations, "total_price")
        return {
            "bookings_created": len(created),
            "bookings_confirmed": len(self._distinct(question, "booking.confirmed")),
            "bookings_cancelled": len(self._distinct(question, "booking.cancelled")),
            "bookings_completed": len(self._distinct(question, "booking.completed")),
            "conversion_rate": self._share(question, "booking.confirmed", created, "booking_id"),
            "cancellation_rate": self._share(question, "booking.cancelled", created, "booking_id"),
            "avg_booking_value": money(mean(event.amount("total_price") for event in priced)),
            "total_booking_value": money(total),
            "seats_booked": int(sum(event.amount("seats_booked") for event in confirmations)),
        }

    def _payments(self, question: Question) -> dict[str, Any]:
        successes = self._in(question, "payment.success")
        succeeded = self._distinct(question, "payment.success")
        failed = self._distinct(question, "payment.failed")
        paid = self._anywhere(question, "payment.success", "payment_id") & (succeeded | failed)
        times_ms = [event.amount("processing_time_ms") for event in successes]
        revenue = self._total(question, successes, "amount")
        refunded = self._total(question, self._in(question, "payment.refunded"), "refund_amount")
        return {
            "payments_initiated": len(self._distinct(question, "payment.initiated")),
            "payments_success": len(self._distinct(question, "payment.success")),
            "payments_failed": len(self._distinct(question, "payment.failed")),
            "payments_refunded": len(self._distinct(question, "payment.refunded")),
            "success_rate": rate(len(paid), len(succeeded) + len(failed)),
            "avg_processing_time_ms": float(half_up(mean(times_ms))),
            "p95_processing_time_ms": float(half_up(quantile(times_ms, P95))),
            "total_revenue": money(revenue),
            "total_refunded": money(refunded),
            "net_revenue": money(revenue - refunded),
            "by_method": self._by_method(question, successes),
        }

    def _by_method(self, question: Question, successes: list[Event]) -> list[dict[str, Any]]:
        methods: dict[str, list[Event]] = defaultdict(list)
        for event in successes:
            methods[event.body["payment_method"]].append(event)
        totals = {method: self._total(question, events, "amount") for method, events in methods.items()}
        return [
            {
                "payment_method": method,
                "payments_success": len({event.of("payment_id") for event in methods[method]}),
                "total_revenue": money(totals[method]),
            }
            for method in sorted(methods, key=lambda method: (-totals[method], method))
        ]

    def _trips(self, question: Question) -> dict[str, Any]:
        started = self._distinct(question, "trip.started")
        completions = self._in(question, "trip.completed")
        of_trips = self._in(question, "trip.started", "trip.completed", "trip.cancelled")
        on_time = sum(bool(event.body["on_time"]) for event in completions)
        return {
            "trips_started": len(started),
            "trips_completed": len(self._distinct(question, "trip.completed")),
            "trips_cancelled": len(self._distinct(question, "trip.cancelled")),
            "completion_rate": self._share(question, "trip.completed", started, "trip_id"),
            "avg_duration_minutes": float(
                half_up(mean(event.amount("duration_minutes") for event in completions))
            ),
            "avg_distance_km": float(half_up(mean(event.amount("distance_km") for event in completions))),
            "on_time_performance": rate(on_time, len(completions)),
            "total_driver_earnings": money(self._total(question, completions, "driver_earnings")),
            "total_platform_commission": money(self._total(question, completions, "platform_commission")),
            "active_drivers": len({event.of("driver_id") for event in of_trips}),
        }

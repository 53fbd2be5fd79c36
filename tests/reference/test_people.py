"""Small stories of funnel, cohort and retention, and what the reference of people might get wrong."""

from tests.reference.figures import Reference
from tests.reference.moments import DAY_MS, to_ms
from tests.reference.test_reference import Teller, uid

ADA, BOLA, CHIDI = (uid(number) for number in (1, 2, 3))
IDS = {"booking_id": uid(70), "route_id": uid(71)}
RIDE = ("booking.created", "payment.initiated", "payment.success", "trip.completed")


def registered(tell: Teller, user: str, at: str, role: str = "RIDER") -> None:
    tell("user.registered", at, user_id=user, role=role)


def counts(reference: Reference, start: str, end: str, window_days: int) -> list[int]:
    answer = reference.funnel(start, end, window_days=window_days)
    return [step["count"] for step in answer["steps"]]


def test_the_funnel_takes_the_last_millisecond_of_its_window_and_steps_at_one_moment() -> None:
    tell = Teller()
    registered(tell, ADA, "2026-05-01T10:00:00Z")
    registered(tell, BOLA, "2026-05-02T10:00:00Z")
    moments = (
        "2026-05-03T08:00:00.125Z",
        "2026-05-03T08:00:00.125Z",
        "2026-05-31T10:00:00Z",
        "2026-06-01T00:00:00Z",
    )
    for step, at in zip(RIDE, moments, strict=True):
        tell(step, at, rider_id=ADA, **IDS)
    answer = tell.reference.funnel("2026-05-01", "2026-05-03", window_days=30)
    shown = [tuple(step.values())[2:] for step in answer["steps"]]
    assert shown == [(2, 100.0, 0.0), (1, 50.0, 50.0), (1, 50.0, 0.0), (1, 50.0, 0.0), (0, 0.0, 100.0)]
    assert answer["overall_conversion_rate"] == 0.0
    assert counts(tell.reference, "2026-05-01", "2026-05-03", 31) == [2, 1, 1, 1, 1]


def test_the_funnel_takes_any_booking_but_no_step_back() -> None:
    tell = Teller()
    registered(tell, ADA, "2026-05-02T00:00:00Z")
    days = {
        "booking.created": (1, 4),
        "payment.initiated": (3, 5),
        "payment.success": (4,),
        "trip.completed": (6,),
    }
    for step, given in days.items():
        for day in given:
            tell(step, f"2026-05-0{day}T12:00:00Z", rider_id=ADA, **IDS)
    # Booked (again) on the 4th, began to pay on the 5th: the payment of the 4th came before.
    assert counts(tell.reference, "2026-05-01", "2026-05-03", 30) == [1, 1, 1, 0, 0]
    tell("booking.created", "2026-05-03T11:00:00Z", rider_id=ADA, **IDS)
    assert counts(tell.reference, "2026-05-01", "2026-05-03", 30) == [1, 1, 1, 1, 1]


def test_cohorts_end_with_the_current_one_and_tell_nothing_early() -> None:
    tell = Teller()
    registered(tell, ADA, "2026-01-05T00:00:00Z")
    registered(tell, BOLA, "2026-01-11T23:59:59.999Z")
    registered(tell, CHIDI, "2026-01-12T00:00:00Z")
    tell("trip.started", "2026-01-18T23:59:59.999Z", driver_id=ADA, rider_id=uid(9))
    tell("user.activity", "2026-01-20T00:00:00Z", user_id=CHIDI)
    now_ms = to_ms("2026-01-21T15:00:00")
    more = {"cohort_type": "weekly", "periods": 2, "now_ms": now_ms}
    cohorts = tell.reference.cohort("2026-01-05", now_ms, **more)["cohorts"]
    assert [tuple(cohort.values()) for cohort in cohorts] == [
        ("2026-01-05", 2, {"period_0": 100.0, "period_1": 50.0}),
        ("2026-01-12", 1, {"period_0": 100.0, "period_1": None}),
        ("2026-01-19", 0, {"period_0": None, "period_1": None}),
    ]


def test_retention_is_by_days_that_have_ended() -> None:
    tell = Teller()
    registered(tell, ADA, "2026-05-01T23:59:00Z")
    registered(tell, BOLA, "2026-05-02T00:01:00Z", "ADMIN")
    for user in (ADA, BOLA):
        tell("user.activity", "2026-05-02T12:00:00Z", user_id=user)
    tell("user.upgraded_to_driver", "2026-05-02T13:00:00Z", user_id=BOLA, new_role="DRIVER")

    def of(user_type: str, end: str = "2026-05-03", days: int = 0) -> list[tuple[int, ...]]:
        today = to_ms("2026-05-03") // DAY_MS + days
        answer = tell.reference.retention("2026-05-01", end, user_type=user_type, today=today)
        return [tuple(figures.values()) for figures in answer.values()]

    nobody = (0, 0, 0.0)
    assert of("all") == [(1, 1, 100.0), nobody, nobody]
    assert of("all", days=1) == [(2, 1, 50.0), nobody, nobody]
    assert (of("rider", days=1)[0], of("driver", days=1)[0]) == ((1, 1, 100.0), (1, 0, 0.0))
    assert of("driver", end="2026-05-02T13:00:00", days=1)[0] == nobody


def test_a_trend_is_the_figure_of_each_part() -> None:
    tell = Teller()
    for event_type, at, number in (
        ("payment.failed", "2026-01-08T10:00:00Z", 1),
        ("payment.success", "2026-01-09T10:00:00Z", 1),
        ("payment.success", "2026-01-12T10:00:00Z", 2),
    ):
        more = {"amount": "10.00", "payment_method": "card", "processing_time_ms": 5}
        ids = {"payment_id": uid(number), "booking_id": uid(50 + number), "rider_id": ADA}
        tell(event_type, at, **ids, **more)
    asked = {"metric": "payment_success_rate", "granularity": "weekly"}
    assert tell.reference.trends("2026-01-07", "2026-01-15", **asked)["data_points"] == [
        {"timestamp": "2026-01-05T00:00:00Z", "value": 50.0},
        {"timestamp": "2026-01-12T00:00:00Z", "value": 100.0},
    ]

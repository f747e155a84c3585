from moderation import MemberWarned, Record, moderation

from temple_ledger import LedgerScenario, Specification, at


def warned(points: int, hours: float, by: str = "eve") -> MemberWarned:
    return MemberWarned(user_id="ada", occurred_at=at(hours), source="bot", by=by, points=points)


def test_points_add_up() -> None:
    spec = Specification(moderation)
    spec.given(warned(1, 1))
    spec.when(warned(3, 2, by="mallory"))
    spec.then_row("ada", Record(warnings=2, points=4, last_by="mallory"))


def test_the_last_to_warn_is_the_last_by_time_and_not_by_arrival(ledger: LedgerScenario) -> None:
    ledger.given(warned(1, 5, by="mallory"))
    ledger.when(warned(1, 3))
    ledger.then_row(moderation, "ada", Record(warnings=2, points=2, last_by="mallory"))

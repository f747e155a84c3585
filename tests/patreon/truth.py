"""What is true on Patreon: patrons and what they do, and every state that a member of the ledger ever truly had."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tests.patreon.bodies import ACOLYTE, FREE, NOVICE, ORACLE, START, Tier, member_document

TIERS = (NOVICE, ACOLYTE, ORACLE)


class Held(NamedTuple):
    """What the ledger is to say of somebody: `tier` by title."""

    standing: str
    tier: str | None


NOTHING = Held("none", None)


@dataclass
class Patron:
    """One person with one membership."""

    number: int
    discord: str | None = None
    here: bool = False
    status: str | None = None
    tier: Tier | None = None
    pledged_tier: Tier | None = None
    charge: str | None = None
    charged: datetime | None = None
    charged_before: datetime | None = None
    """The charge that is the last one again when the last one is voided."""
    pledged: datetime | None = None
    lifetime: int = 0
    will_pay: int = 0

    @property
    def member_id(self) -> str:
        return f"member-{self.number}"

    @property
    def user_id(self) -> str:
        """As the ledger calls the person."""
        return self.discord or f"patreon:{self.number + 1}"

    @property
    def held(self) -> Held:
        if not self.here:
            return NOTHING
        title = None if self.tier is None else self.tier[1]
        if self.status == "declined_patron":
            return Held("declined", title)
        return NOTHING if title is None else Held("paying", title)

    def document(self, noise: str = "", **otherwise: Any) -> dict[str, Any]:
        tiers = [self.tier] if self.tier is not None else [FREE] if self.status is None else []
        said: dict[str, Any] = {
            "status": self.status,
            "charge": self.charge,
            "charged": self.charged,
            "pledged": self.pledged,
            "lifetime": self.lifetime,
            "will_pay": self.will_pay,
        }
        return member_document(
            *otherwise.pop("tiers", tiers),
            member=self.member_id,
            user=str(self.number + 1),
            discord=self.discord,
            noise=noise,
            **(said | otherwise),
        )


@dataclass
class Truth:
    """`history` is every state of each member of the ledger, one after the other; `now` goes on with what happens.

    `voids`: charges may be voided, which only Patreon itself can tell from old bodies.
    """

    patrons: list[Patron]
    now: datetime = START
    history: dict[str, list[Held]] = field(default_factory=dict)
    voids: bool = False

    def does(self, patron: Patron, deed: str, tier: Tier, discord: str) -> tuple[dict[str, Any], list[str]] | None:
        """The body and the triggers that Patreon would send; None for what cannot happen, or sends nothing."""
        self.now += timedelta(hours=1)
        triggers = getattr(self, f"_{deed}")(patron, tier, discord)
        self._note()
        if triggers is None:
            return None
        document = patron.document(f"{self.now}")
        if deed == "flap":
            document = patron.document(f"{self.now}", tiers=[FREE], entitled=0)
        return document, triggers

    def possible(self, patron: Patron) -> list[str]:
        """What may happen next; what is there twice happens more often."""
        links = ["links", "unlinks"] if patron.here else []
        match patron.status if patron.here else "nobody":
            case "nobody":
                return ["joins", "pledges", "pledges"]
            case "active_patron":
                refunded = ["is_refunded", "is_refunded_an_older_charge"] if patron.charge == "Paid" else []
                refunded += ["is_voided", "is_voided"] if self.voids and patron.charge == "Paid" else []
                moves = ["moves", "moves", "moves", "flap", "is_charged", "is_charged"]
                return [*moves, *refunded, *links, "is_declined", "cancels", "ends"]
            case "declined_patron":
                return ["recovers", "recovers", "ends", *links]
            case _:
                return ["pledges", "pledges", *links, *(["deletes"] if patron.charged is None else [])]

    def held(self) -> dict[str, Held]:
        """Who holds what now: of several memberships of one person the best."""
        found: dict[str, list[Held]] = {}
        for patron in self.patrons:
            found.setdefault(patron.user_id, []).append(patron.held)
        return {user_id: _best(each) for user_id, each in found.items()}

    def _note(self) -> None:
        held = self.held()
        for user_id in {*held, *self.history}:
            states = self.history.setdefault(user_id, [NOTHING])
            state = held.get(user_id, NOTHING)
            if states[-1] != state:
                states.append(state)

    # each returns the triggers; None where it cannot happen

    def _joins(self, patron: Patron, *_: object) -> list[str] | None:
        if patron.here:
            return None
        patron.here, patron.status, patron.tier, patron.will_pay = True, None, None, 0
        return ["create"]

    def _pledges(self, patron: Patron, tier: Tier, _: str) -> list[str] | None:
        if patron.here and patron.status in ("active_patron", "declined_patron"):
            return None
        patron.here, patron.status, patron.tier, patron.pledged_tier = True, "active_patron", tier, tier
        patron.charge, patron.charged, patron.pledged, patron.will_pay = "Pending", self.now, self.now, tier[2]
        return ["pledge:create", "update"]

    def _is_charged(self, patron: Patron, *_: object) -> list[str] | None:
        if patron.status != "active_patron" or patron.tier is None:
            return None
        if patron.charge != "Pending":
            patron.charged_before, patron.charged = patron.charged, self.now
        patron.charge = "Paid"
        patron.lifetime += patron.tier[2]
        return ["update"]

    def _moves(self, patron: Patron, tier: Tier, _: str) -> list[str] | None:
        if patron.status != "active_patron" or patron.tier in (None, tier):
            return None
        patron.tier = patron.pledged_tier = tier
        patron.will_pay = tier[2]
        return ["pledge:update", "update"]

    def _is_declined(self, patron: Patron, tier: Tier, _: str) -> list[str] | None:
        if patron.status != "active_patron":
            return None
        patron.status, patron.charge, patron.charged = "declined_patron", "Declined", self.now
        patron.tier = patron.tier if tier is ORACLE else None
        return ["update"]

    def _recovers(self, patron: Patron, *_: object) -> list[str] | None:
        if patron.status != "declined_patron" or patron.pledged_tier is None:
            return None
        patron.status, patron.charge, patron.charged = "active_patron", "Paid", self.now
        patron.tier = patron.pledged_tier
        patron.lifetime += patron.tier[2]
        return ["update"]

    def _cancels(self, patron: Patron, *_: object) -> list[str] | None:
        if patron.status != "active_patron":
            return None
        patron.will_pay = 0
        return ["pledge:delete"]

    def _ends(self, patron: Patron, *_: object) -> list[str] | None:
        if patron.status not in ("active_patron", "declined_patron"):
            return None
        patron.status, patron.tier, patron.will_pay = "former_patron", None, 0
        return ["update"]

    def _is_refunded(self, patron: Patron, *_: object) -> list[str] | None:
        if patron.charge != "Paid" or patron.tier is None:
            return None
        patron.lifetime -= patron.tier[2]
        patron.status, patron.charge, patron.tier, patron.will_pay = "former_patron", "Refunded", None, 0
        return ["update"]

    def _is_refunded_an_older_charge(self, patron: Patron, *_: object) -> list[str] | None:
        """Only the sum falls: the last charge, its status and the tier stay."""
        patron.lifetime = max(0, patron.lifetime - 500)
        return ["update"]

    def _is_voided(self, patron: Patron, *_: object) -> list[str] | None:
        """The charge before is the last one again, or there was none."""
        patron.charged, patron.charged_before = patron.charged_before, None
        patron.charge = None if patron.charged is None else "Paid"
        patron.lifetime = max(0, patron.lifetime - 500)
        return ["update"]

    def _links(self, patron: Patron, _: Tier, discord: str) -> None:
        """Nothing is sent: the next body shows it."""
        patron.discord = discord

    def _unlinks(self, patron: Patron, *_: object) -> None:
        patron.discord = None

    def _deletes(self, patron: Patron, *_: object) -> list[str] | None:
        if not patron.here or patron.charged is not None:
            return None
        patron.here = False
        return ["delete"]

    def _flap(self, patron: Patron, *_: object) -> list[str] | None:
        """For a moment Patreon says of an active patron that there is only the free tier."""
        return ["update"] if patron.status == "active_patron" and patron.tier is not None else None


def _best(held: list[Held]) -> Held:
    worth = {tier[1]: tier[2] for tier in TIERS}
    tier = max((each.tier for each in held if each.tier is not None), key=worth.__getitem__, default=None)
    standings = {each.standing for each in held}
    standing = next(each for each in ("paying", "declined", "none") if each in standings)
    return Held(standing, tier)

"""`/actions/NAME`: what would be done, to whom, and the form that has it done; `/actions/jobs/ID`: how it went."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.ingestion.inbox.administration import Chosen, deliveries, delivery
from temple_ledger.infrastructure.ingestion.inbox.delivery import DeliveryState
from temple_ledger.infrastructure.operating.operator import name_of
from temple_ledger.infrastructure.operating.owner_preview import preview_request
from temple_ledger.infrastructure.operating.owner_requests import ARGUMENTS
from temple_ledger.infrastructure.operating.wire import Actions
from temple_ledger.infrastructure.queries.projection_status import ProjectionStatus, projection_status
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.web.asked import Asked, NotThere
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.parameters import BadQuestion
from temple_ledger.projections.registry import carried, catalogue

MOST_LISTED: Final = 50
RETRIED: Final = (DeliveryState.FAILED, DeliveryState.UNPARSEABLE, DeliveryState.SET_ASIDE)
IGNORED: Final = (DeliveryState.FAILED, DeliveryState.UNPARSEABLE)


@dataclass(frozen=True)
class ActionForm:
    """`fields` go with it, and name exactly what the page lists. `number` of `unit`s is typed where it is more than
    one; `asks_why` is False for what changes nothing."""

    title: str
    button: str
    section: str
    sentences: Sequence[str]
    fields: Mapping[str, str]
    people: Sequence[str] = ()
    lines: Sequence[str] = ()
    number: int = 0
    unit: str = "people"
    asks_why: bool = True


Describe = Callable[[Connection, Asked], ActionForm]


class FormPage(NamedTuple):
    """`takes`: the parameters of its address."""

    describe: Describe
    takes: Sequence[str]


def require_actions(console: Console) -> Actions:
    """Raises Refused."""
    if console.actions is None:
        raise Refused("this console carries out no actions: it was started without --allow-actions")
    return console.actions


def action(console: Console, asked: Asked) -> Page:
    require_actions(console)
    name = asked.parameters["name"]
    if name not in FORMS:
        raise UnknownName("action", name)
    form_page = FORMS[name]
    with console.reading() as connection:
        form = form_page.describe(connection, asked.taking(*form_page.takes))
    data = {"form": form, "name": name}
    return Page("action.html", form.title, form.section, data, set(form.people), live=False)


def job(console: Console, asked: Asked) -> Page:
    found = _found(require_actions(console), asked.parameters["job"])
    preview = found["preview"]
    people = set() if preview is None else set(preview["people"])
    data: dict[str, Any] = {
        "job": found,
        "preview": preview,
        "title_of": TITLES.get(str(found["action"]), ""),
        "title_of_preview": "" if preview is None else TITLES[preview["action"]],
    }
    page = Page("job.html", TITLES.get(str(found["action"]), "An action"), "projections", data, people, live=False)
    page.refresh_seconds = 2 if found["state"] == "working" else None
    return page


def _found(actions: Actions, number: str) -> Mapping[str, Any]:
    """Raises NotThere."""
    try:
        return actions.job(number)
    except UnknownName:
        raise NotThere("This action is not remembered any more. The journal has what was done.") from None


def _status(connection: Connection, asked: Asked) -> ProjectionStatus:
    """Of the projection that the address names. Raises UnknownName and BadQuestion."""
    label = asked.text("projection")
    if label is None:
        raise BadQuestion("projection is missing")
    return projection_status(connection, carried(), label, catalogue=catalogue())


def _waiting(status: ProjectionStatus) -> str:
    waiting = status.waiting("event waits", "events wait") if status.lag_events else "nothing waits"
    return f"Now {waiting}."


def _pause(connection: Connection, asked: Asked) -> ActionForm:
    status = _status(connection, asked)
    sentences = [
        f"{status.label} folds nothing more until somebody resumes it, also after restarts.",
        f"Its tables stay as they are at position {status.position:,}. Readers go on reading them.",
        _waiting(status),
    ]
    return ActionForm(f"Pause {status.label}", "Pause", "projections", sentences, {"projection": status.label})


def _resume(connection: Connection, asked: Asked) -> ActionForm:
    status = _status(connection, asked)
    sentences = [
        f"{status.label} goes on from position {status.position:,}. {_waiting(status)}",
        *([f"It stands still. Why: {status.reason}"] if status.reason else []),
    ]
    return ActionForm(f"Resume {status.label}", "Resume", "projections", sentences, {"projection": status.label})


def _retry(connection: Connection, asked: Asked) -> ActionForm:
    member, name = asked.text("member"), asked.text("projection")
    found = parked(connection, projection=name, user_id=member)[:MOST_LISTED]
    if not found:
        raise UnknownName("parked event of", member or name or "the ledger")
    people = list(dict.fromkeys(each.user_id for each in found))
    return ActionForm(
        "Fold parked members again",
        "Fold again",
        "projections",
        [
            f"{plural(len(people), 'person', 'people')} would be folded again from the log, with all that waited.",
            "Whoever fails again stays parked, with rows as before.",
        ],
        {"parked": ",".join(map(name_of, found))},
        people,
        [f"{each.projection}, no. {each.position:,}: {each.error}" for each in found],
        len(people),
    )


def _skip(connection: Connection, asked: Asked) -> ActionForm:
    position, name = asked.number("position"), asked.text("projection")
    found = parked(connection, projection=name, position=position or 0)
    if not found:
        raise UnknownName("parked position", str(position))
    projections = ", ".join(dict.fromkeys(each.projection for each in found))
    return ActionForm(
        f"Skip event {position}",
        "Skip it for good",
        "projections",
        [
            f"{projections} would leave this event out for good, and fold its member again without it.",
            "The event stays in the log. Every later replay, verify and question about the past leaves it out too.",
        ],
        {"parked": ",".join(map(name_of, found))},
        list(dict.fromkeys(each.user_id for each in found)),
        [f"{each.event_type}/{each.action}: {each.error}" for each in found[:1]],
    )


def _retry_deliveries(connection: Connection, asked: Asked) -> ActionForm:
    numbers, lines, state = _deliveries(connection, asked, RETRIED)
    what = plural(len(numbers), "delivery", "deliveries")
    return ActionForm(
        f"Translate {what} again",
        "Translate again",
        "inbox",
        [f"{what} would be translated again. Events that came of it before do not come twice."],
        {"deliveries": ",".join(map(str, numbers)), "state": state.value},
        lines=lines,
        number=len(numbers),
        unit="deliveries",
    )


def _ignore_deliveries(connection: Connection, asked: Asked) -> ActionForm:
    numbers, lines, _ = _deliveries(connection, asked, IGNORED)
    what = plural(len(numbers), "delivery", "deliveries")
    return ActionForm(
        f"Ignore {what}",
        "Ignore",
        "inbox",
        [f"{what} would no longer count as trouble, and would not be translated."],
        {"deliveries": ",".join(map(str, numbers))},
        lines=lines,
        number=len(numbers),
        unit="deliveries",
    )


def _deliveries(
    connection: Connection, asked: Asked, states: Sequence[DeliveryState]
) -> tuple[list[int], list[str], DeliveryState]:
    """One, or the newest in a state; as `/inbox` lists them."""
    number = asked.number("delivery")
    state = asked.one_of("state", {each.value: each.value for each in states}) or states[0].value
    if number is not None:
        found = [delivery(connection, number)]
    else:
        chosen = Chosen(asked.text("source"), asked.text("kind"), DeliveryState(state))
        found = list(deliveries(connection, chosen, limit=MOST_LISTED))
    found = [each for each in found if each.state in states]
    if not found:
        raise UnknownName("delivery", str(number)) if number is not None else UnknownName("delivery in state", state)
    lines = [f"No. {each.id} of {each.source}, {each.kind}: {each.note or 'no note'}" for each in found]
    return [each.id for each in found], lines, found[0].state


def _compare(title: str, button: str, what: str, then: str) -> Describe:
    """A page that has something compared, which takes its time and changes nothing."""

    def describe(connection: Connection, asked: Asked) -> ActionForm:
        label = _status(connection, asked).label
        sentences = [
            f"{what.format(label)}. It may take minutes, and changes nothing.",
            f"What differs is shown, and who it concerns. Then you may have it put {then}.",
        ]
        fields = {"projection": label}
        return ActionForm(f"{title} {label}", button, "projections", sentences, fields, asks_why=False)

    return describe


_preview_repair = _compare("Repair", "Compare", "Everybody in the tables of {} is compared with the log", "right")
_preview_replay = _compare(
    "Replay", "Fold beside the tables", "The whole log is folded again beside the tables of {}", "in place"
)


def _ask_owner(connection: Connection, asked: Asked) -> ActionForm:
    what = asked.one_of("what", {each: each for each in ARGUMENTS}) or "erase"
    asked = asked.taking("what", *ARGUMENTS[what])
    arguments = {name: asked.text(name) or "" for name in ARGUMENTS[what]}
    preview = preview_request(connection, what, arguments)
    title, section = OWNERS[what]
    sentences = [*preview.sentences, "Nothing happens until whoever runs the ledger carries it out."]
    fields = {**arguments, "what": what, "shown": preview.digest}
    return ActionForm(title, "Ask for it", section, sentences, fields, preview.people)


OWNERS: Final[Mapping[str, tuple[str, str]]] = {
    "erase": ("Ask for an erasure", "members"),
    "switch": ("Ask for another version", "projections"),
    "trigger-enable": ("Ask for the trigger", "projections"),
    "trigger-disable": ("Ask for the runner", "projections"),
}
"""What a request is called, and where the menu stands."""
FORMS: Final[Mapping[str, FormPage]] = {
    "pause": FormPage(_pause, ("projection",)),
    "resume": FormPage(_resume, ("projection",)),
    "retry": FormPage(_retry, ("projection", "member")),
    "skip": FormPage(_skip, ("projection", "position")),
    "inbox-retry": FormPage(_retry_deliveries, ("delivery", "source", "kind", "state")),
    "inbox-ignore": FormPage(_ignore_deliveries, ("delivery", "source", "kind", "state")),
    "repair-preview": FormPage(_preview_repair, ("projection",)),
    "replay-preview": FormPage(_preview_replay, ("projection",)),
    "ask-owner": FormPage(_ask_owner, ("what", *{name: None for names in ARGUMENTS.values() for name in names})),
}
TAKES: Final = tuple({name: None for form_page in FORMS.values() for name in form_page.takes})
"""Of one of them or another."""
TITLES: Final = {
    "pause": "Pause",
    "resume": "Resume",
    "retry": "Fold parked members again",
    "skip": "Skip an event",
    "inbox-retry": "Translate deliveries again",
    "inbox-ignore": "Ignore deliveries",
    "repair-preview": "Compare with the log",
    "repair": "Repair",
    "replay-preview": "Fold beside the tables",
    "replay": "Replay",
    "ask-owner": "A request",
}
"""By action: what the page is called that shows how it went."""

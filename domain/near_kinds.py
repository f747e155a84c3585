"""Kinds of events that are most likely meant to be another: one letter off, or a known type with an unknown action.

What nobody knows is ignored by every fold, so a misspelt kind looks like success and changes nothing.
"""

from temple_ledger.domain.catalogue import Catalogue


def why_misspelt(catalogue: Catalogue, event_type: str, action: str) -> str | None:
    """A sentence where this kind is not known and close to one that is; None for a known kind and for a distant one."""
    if catalogue.find(event_type, action) is not None:
        return None
    actions: dict[str, list[str]] = {}
    for each in catalogue:
        actions.setdefault(each.event_type, []).append(each.action)
    if event_type in actions:
        return f"{event_type} has no action {action!r}, only {_listed(actions[event_type])}"
    plain = _plain(event_type)
    for known in actions:
        names = [known, *(f"{known}/{each}" for each in actions[known])]
        if any(within_one_edit(plain, _plain(name)) for name in names):
            return f"no projection reads events of type {event_type!r}; {known!r} is most likely meant"
    return None


def within_one_edit(one: str, other: str) -> bool:
    """Whether one letter was left out, added, replaced, or changed places with the next one."""
    if one == other:
        return True
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    first, second = one[start:], other[start:]
    return (
        first[1:] == second[1:]
        or first[1:] == second
        or first == second[1:]
        or (first[:2] == second[1::-1] and first[2:] == second[2:])
    )


def _plain(name: str) -> str:
    """Without case, and with one sign between words."""
    return name.casefold().strip().replace("-", "_").replace(" ", "_").replace(".", "_")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

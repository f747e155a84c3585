"""Numbers and names in sentences."""

from collections.abc import Sequence


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 event`, `2,000 events`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """`members, activity and tiers`."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def harmless(text: str) -> str:
    """What a stranger wrote does not steer the terminal: what is not printable is shown as an escape, lines stay."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)

"""A projection by where it is, MODULE:NAME, as an entry point would name it."""

from difflib import get_close_matches
from importlib import import_module
from types import ModuleType

from temple_ledger.domain.errors import ProjectionMisdeclared, UnknownName
from temple_ledger.domain.raised import describe_error
from temple_ledger.projections.frames import place_of
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tally import Tally


def load_projection(place: str) -> Projection:
    """Raises ProjectionMisdeclared, UnknownName."""
    module_name, _, attribute = place.partition(":")
    module = _imported(module_name)
    found: object = module
    for name in attribute.split("."):
        found = getattr(found, name, None)
    if isinstance(found, MemberProjection | Tally):
        return found
    there = [name for name, value in vars(module).items() if isinstance(value, MemberProjection | Tally)]
    if found is None:
        near = get_close_matches(attribute, there, n=3, cutoff=0.5) or there
        raise UnknownName(f"projection in {module.__name__} ({module.__file__})", attribute, tuple(near))
    hint = f"; it has {', '.join(there)}" if there else ""
    raise ProjectionMisdeclared(f"{place} is a {type(found).__name__}, and no projection{hint}")


def _imported(name: str) -> ModuleType:
    if "/" in name or name.endswith(".py"):
        module = name.removesuffix(".py").removeprefix("./").replace("/", ".")
        raise ProjectionMisdeclared(f"{name} is a path; write the module's name, {module}:NAME")
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ProjectionMisdeclared(
                f"there is no module {name}; run this in the folder that holds it, or install its package"
            ) from error
        raise _unloadable(name, error) from error
    except (Exception, SystemExit) as error:  # an author's code: whatever it raises, it cannot be loaded
        raise _unloadable(name, error) from error


def _unloadable(name: str, error: BaseException) -> ProjectionMisdeclared:
    return ProjectionMisdeclared(f"module {name} cannot be loaded: {describe_error(error)}{place_of(error)}")

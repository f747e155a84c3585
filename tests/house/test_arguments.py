"""What decides an outcome is an argument: which events there are, and who does what is done."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.house.trees import tree_of

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("domain", "projections", "infrastructure")
OPERATIONS: Final = ("infrastructure/read_models", "infrastructure/ingestion")

AUTHORS_SURFACE: Final = {
    "infrastructure/eventsourcing_adapter/factory.py",  # made by the library, from an environment alone
    "infrastructure/eventsourcing_adapter/projection.py",
    "infrastructure/testing/ledger.py",
    "infrastructure/ledger/async_ledger.py",
    "infrastructure/ledger/ledger.py",
    "projections/author.py",
    "projections/testing/specification.py",
    "projections/testing/tally_specification.py",
}
"""Here `catalogue` may be left out, which means: the installed one."""


def sources(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), tree_of(path)


def defaults(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    """What parameters of that name are when nobody gives them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            positional = [*node.args.posonlyargs, *node.args.args]
            with_default = positional[len(positional) - len(node.args.defaults) :]
            yield from (
                value
                for parameter, value in [
                    *zip(with_default, node.args.defaults, strict=True),
                    *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
                ]
                if parameter.arg == name and value is not None
            )


def test_a_catalogue_is_left_out_on_the_author_s_surface_only() -> None:
    found = {path: [ast.unparse(each) for each in defaults(tree, "catalogue")] for path, tree in sources(*ROOMS)}
    assert {path: given for path, given in found.items() if given} == {path: ["None"] for path in AUTHORS_SURFACE}


def test_who_operates_is_never_left_out() -> None:
    found = {path: [ast.unparse(each) for each in defaults(tree, "by")] for path, tree in sources(*OPERATIONS)}
    assert {path for path, given in found.items() if given} == set()


def test_nobody_writes_the_environment_of_the_process() -> None:
    written = [
        path
        for path, tree in [*sources(*ROOMS), ("cli.py", tree_of(ROOT / "cli.py"))]
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) == "os.environ"
    ]
    assert written == []

"""A module is one idea, and a short one."""

import ast
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES = 300
LONGER: dict[str, str] = {
    "infrastructure/read_models/runner/runner.py": "one loop over one connection, with what it leads",
}
"""Modules that may be longer, each with the reason."""


def lines_of_code(text: str) -> int:
    """Without blank lines, comments and docstrings."""
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        # a string that is a statement is a docstring, also one below a constant
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def test_no_module_is_longer_than_300_lines_of_code() -> None:
    files = [
        ROOT / "cli.py",
        *(file for name in ("domain", "projections", "infrastructure") for file in (ROOT / name).rglob("*.py")),
    ]
    longer = {str(file.relative_to(ROOT)) for file in files if lines_of_code(file.read_text("utf-8")) > MOST_LINES}
    assert longer == set(LONGER)


def test_what_counts_is_code() -> None:
    assert (
        lines_of_code('"""A docstring.\n\nof three lines"""\n\n# a comment\nX = 1\n"""About X."""\nY = """a\nb"""\n')
        == 3
    )

"""docs/settings.md, as the settings themselves make it: `.venv/bin/python -m tests.house.settings_page` writes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from temple_ledger.infrastructure.processes.sources import BUILT_IN, declared_sources
from temple_ledger.infrastructure.settings import MACHINE_FILE, PREFIX, Settings, SourceSettings, is_secret

PAGE: Final = Path(__file__).parents[2] / "docs" / "settings.md"

HEAD: Final = f"""# Settings

A setting comes from the first of these that has it:

1. a flag, for the few that have one: `--home`, `--database-url`, `--log-level`;
2. the variable of the environment, in capitals;
3. a secret file: it is named like the variable, in any case, in `$CREDENTIALS_DIRECTORY` (systemd sets it) or
   `/run/secrets` (containers), and its content is the value;
4. `temple.toml` in the current directory;
5. `{MACHINE_FILE}`, which every command on the machine reads;
6. the default.

In `temple.toml` a setting has the name of the first column: `metrics_port = 9464`. A name that does not exist is
refused, and so is a value that does not fit; the message says where it came from. A variable or a secret file that is
nearly named like a setting (`TEMPLE_HOEM`, `temple_home`, `TEMPL_HOME`) is refused as well; in
`$CREDENTIALS_DIRECTORY`, also a file without the prefix (`database_url`). `temple config show`
prints what each setting is now, and where it comes from; secrets are not shown. Settings marked *secret* belong in
secret files or the environment: `temple doctor` warns of a file with a secret that others can read. Where the secret
files of a production machine lie: [deploying](runbooks/deploying.md).

This page is made from the code.
"""

DEFAULTS: Final = {
    "home": "`$XDG_STATE_HOME/temple-ledger`, or `~/.local/state/temple-ledger`",
    "config_file": f"`{MACHINE_FILE}`",
}
"""Of those that are computed."""


def page() -> str:
    return "\n".join([HEAD, *_section("The ledger", Settings), *_of_sources()])


def _of_sources() -> Iterator[str]:
    for source in declared_sources().sources:
        model = source.settings()
        if source.name in BUILT_IN and model is not None:
            yield from _section(source.name.capitalize(), model)


def _section(title: str, model: type[SourceSettings]) -> Iterator[str]:
    yield from (f"## {title}", "", "| setting | variable | default | what it is |", "|---|---|---|---|")
    for name, field in model.model_fields.items():
        yield f"| `{name}` | `{PREFIX}{name.upper()}` | {DEFAULTS.get(name) or _default(field)} | {_meaning(field)} |"
    yield ""


def _meaning(field: FieldInfo) -> str:
    return f"{'*secret*: ' if is_secret(field.annotation) else ''}{field.description}"


def _default(field: FieldInfo) -> str:
    default: Any = field.get_default(call_default_factory=True, validated_data={})
    assert default is not PydanticUndefined
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`" if default not in (None, {}, ()) else "–"


if __name__ == "__main__":
    PAGE.write_text(page())

"""The command line: which commands there are, and how each of them begins and ends.

Each is the click command `command` in a file of its own under infrastructure/commands/, imported when it is
called. What its callback returns is the exit code.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.infrastructure.terminal.errors import ending_of
from temple_ledger.infrastructure.terminal.lazy import AddedVerbs, LazyGroup, Verb
from temple_ledger.infrastructure.terminal.printing import print_line, print_note
from temple_ledger.infrastructure.terminal.repeating import repeated_on_standby

if TYPE_CHECKING:
    from temple_ledger.infrastructure.queries.from_sources import FromSources
    from temple_ledger.infrastructure.settings import Settings

SOURCES: Final = "Sources"
"""The section of the verbs that sources bring."""

STDERR: Final = 2
LEVELS: Final = ("debug", "info", "warning", "error")


def _verb(module: str, does: str) -> Verb:
    return Verb(f"temple_ledger.infrastructure.commands.{module}:command", does)


SECTIONS: Final[Mapping[str, Mapping[str, Verb]]] = {
    "Everything at once": {
        "up": _verb("up", "Start everything in the foreground: database, migrations, runner."),
        "down": _verb("down", "End what runs here, and stop the embedded database."),
        "status": _verb("status", "How the ledger is, on one screen, and what to type about it."),
        "web": _verb("web", "The console: the ledger in a browser; temple web link signs you in."),
        "doctor": _verb("doctor", "Check machine, database and ledger, one by one."),
    },
    "Events, members and roles": {
        "events": _verb("events", "Import, export, append, list, show and follow events."),
        "member": _verb("member", "What a member is now or was then, and which events made it so."),
        "members": _verb("members", "Everybody as of a day, as CSV or Parquet."),
        "role": _verb("role", "Who holds a role now or held it then, and who granted it."),
    },
    "Projections": {
        "run": _verb("run", "Fold new events into the tables, as they come."),
        "replay": _verb("replay", "Fold everything again, and put the result in place."),
        "verify": _verb("verify", "Compare the tables with the fold of the log."),
        "repair": _verb("repair", "Repair just the members that drifted."),
        "reconcile": _verb("reconcile", "Verify, log and push the result, repair what is little: for cron."),
        "projection": _verb("projection", "List, show, pause, resume projections, or wait for one."),
        "seal": _verb("seal", "Prove that the log is what it was: a chain of hashes over it."),
        "trigger": _verb("trigger", "Keep the two tables by a trigger of the database, in place of the runner."),
        "failures": _verb("failures", "Members that could not be folded: show, retry, skip."),
        "effects": _verb("effects", "Messages that follow from changes: deliver, list, retry, skip."),
        "feed": _verb("feed", "Who reads the changes of a projection, and how far each is."),
        "operate": _verb("operate", "What was asked for in the console: erasures, versions, the trigger."),
        "operations": _verb("operations", "The journal: who repaired, replayed or paused what, and why."),
    },
    SOURCES: {
        "receive": _verb("receive", "Take webhooks in, store and translate them."),
        "inbox": _verb("inbox", "What senders sent: list, show, retry, prune."),
    },
    "Administration": {
        "db": _verb("db", "The database: migrate, status, url, shell, dump, restore, start, stop."),
        "fleet": _verb("fleet", "Many ledgers: migrate, status, verify, run, receive, doctor."),
        "archive": _verb("archive", "The log as Parquet files: write, verify, restore, list, erase."),
        "monitoring": _verb("monitoring", "Alerts, dashboards, units and runbooks: write them out."),
        "config": _verb("config", "Which settings there are, and where each comes from."),
        "demo": _verb("demo", "Write the history of a community that never was, as JSON lines."),
    },
}


def _added() -> AddedVerbs:
    from temple_ledger.infrastructure.processes.source_verbs import source_verbs

    return source_verbs()


class Temple(LazyGroup):
    """Turns whatever comes out of a command into one sentence and an exit code."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **settings: Any
    ) -> NoReturn:
        if os.environ.get("_TEMPLE_COMPLETE"):
            super().main(args, "temple", **settings)
        given = list(sys.argv[1:] if args is None else args)
        sys.exit(ending_of(lambda: self._run(given)))

    def _run(self, args: list[str]) -> object:
        try:
            return repeated_on_standby(lambda: self.make_context("temple", list(args)), self.invoke)
        except click.exceptions.Exit as end:
            return end.exit_code


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from temple_ledger.infrastructure.version import version

        print_line(f"temple {version()}")
        ctx.exit()


@click.group(
    name="temple",
    cls=Temple,
    sections=SECTIONS,
    added=_added,
    added_to=SOURCES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 failed, 2 usage, 3 a check "
    "found a problem, 4 database or service unreachable, 5 refused, 130 interrupted, 141 output pipe closed.",
)
@click.option("--home", type=click.Path(), metavar="DIR", help="The state directory. [env: TEMPLE_HOME]")
@click.option("--database-url", metavar="DSN", help="Use this PostgreSQL. [env: TEMPLE_DATABASE_URL]")
@click.option("--log-level", type=click.Choice(LEVELS), help="What to log on stderr. [env: TEMPLE_LOG_LEVEL]")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
@click.pass_context
def temple(ctx: click.Context, home: str | None, database_url: str | None, log_level: str | None) -> None:
    """Temple Ledger: who holds which role, who held it then, who granted it, and why the tables say so.

    \b
    Begin with:
      temple up --demo
    """
    from temple_ledger.infrastructure.terminal.session import Session

    if os.environ.get("NO_COLOR"):
        ctx.color = False
    ctx.obj = Session(
        {"home": home, "database_url": database_url, "log_level": log_level}, _settings, _bots, _from_sources
    )


def _bots() -> Mapping[str, str]:
    from temple_ledger.infrastructure.processes.sources import actors

    return {user_id: actor.name for user_id, actor in actors().items()}


def _from_sources(settings: "Settings") -> "FromSources":
    from temple_ledger.infrastructure.processes.sources import from_sources

    return from_sources(settings)


def _settings(flags: Mapping[str, Any]) -> "Settings":
    """Loaded by the first command that needs them, and not for --help. From then on there are logs."""
    from temple_ledger.infrastructure.observability.logging import log_to_stderr
    from temple_ledger.infrastructure.processes.sources import installed_sources
    from temple_ledger.infrastructure.settings import check_settings, load_settings, require_well_spelt

    installed = installed_sources()
    try:
        models = list(installed.models())
        require_well_spelt(models)
        settings = load_settings(flags)
        check_settings(settings, models, other_prefixes=[f"{each.source}_" for each in installed.failed])
    except SettingsInvalid as error:
        raise click.UsageError(str(error), click.get_current_context().find_root()) from error
    log_to_stderr(settings.log_level)
    for failed in installed.failed:
        print_note(f"temple: {failed}; everything else goes on")
    return settings


def _fill_descriptors() -> None:
    """Where we were started without stdin, stdout or stderr, its number is of nothing. Or the connection to the
    database would get it, and what some program prints would be sent to that. To read there or to print fails still."""
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)
    if sys.stderr is None:
        sys.stderr = os.fdopen(STDERR, "w", closefd=False)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code."""
    _fill_descriptors()
    for stream in (sys.stdout, sys.stderr):
        # a terminal that knows less than Unicode gets escapes, not a failure
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        temple.main(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


if __name__ == "__main__":
    sys.exit(main())

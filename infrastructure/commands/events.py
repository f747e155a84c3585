"""`temple events`: what is in the log, and how it gets there."""

import click

from temple_ledger.infrastructure.commands.event_append import append
from temple_ledger.infrastructure.commands.event_export import export
from temple_ledger.infrastructure.commands.event_import import import_
from temple_ledger.infrastructure.commands.event_reading import list_, show, tail
from temple_ledger.infrastructure.commands.event_retraction import imports, reinstate_, retract_


@click.group("events")
def command() -> None:
    """What is in the log, and how it gets there. Events are appended, never changed;
    what should not have been is retracted."""


for each in (import_, imports, export, append, retract_, reinstate_, list_, show, tail):
    command.add_command(each)

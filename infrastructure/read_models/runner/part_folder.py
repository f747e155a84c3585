"""A part of the members of a wide step, folded for a step that another process takes: nothing is stored here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from operator import or_
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.tables import RowsApart, rows_apart
from temple_ledger.infrastructure.read_models.runner.beside import Folded, WideStep
from temple_ledger.infrastructure.read_models.runner.step_rows import WrittenMembers, new_frontiers
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction, transactions
from temple_ledger.infrastructure.read_models.runner.wide_connections import (
    WideConnections,
    pieces_by_member,
    wait_for_nobody,
)
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.brake import Notes
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.difference import Changes
from temple_ledger.projections.fold import Frontier
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Processor, Projection, processor_of
from temple_ledger.projections.projecting import Among
from temple_ledger.projections.step import FoldedPart
from temple_ledger.projections.tables import Table
from temple_ledger.projections.tally import Tally

Connection = psycopg.Connection[Any]

NOTHING: Final = FoldedPart()


class PartFolder:
    """Reads what is committed, over connections of its own: the step holds what it folds, so nobody else changes it."""

    def __init__(self, database: Database, projections: Sequence[Projection], catalogue: Catalogue) -> None:
        self._connection = database.connect(DatabaseRole.PROJECT, application="temple fold")
        wait_for_nobody(self._connection)
        self._wide = WideConnections(partial(database.connect, application="temple fold"))
        opened = transactions(self._connection)
        self._processors = {each.key: processor_of(each, opened, catalogue=catalogue) for each in projections}
        self._step: WideStep | None = None
        self._parts: Sequence[_Part] = ()

    def begin(self, step: WideStep) -> None:
        self._step = step
        self._parts = [_Part(self._processors[each.key], each, self._connection, step) for each in step.checkpoints]

    def fold(self, among: Among) -> Iterator[Folded]:
        """What was folded of some of these members at a time, then what was counted of all of them."""
        step, parts = self._step, self._parts
        if step is None:
            return
        wanted = reduce(or_, [part.wanted for part in parts])
        after = step.checkpoints[0].position
        log, upto = self._wide.log(), step.upto
        with pieces_by_member(log, wanted, after=after, upto=upto, among=(among,)) as pieces:
            for piece in pieces:
                piece.decoded = {}
                for part in parts:
                    part.share.fold(piece, step.upto)
                yield [part.of_members() for part in parts]
        yield [part.counted() for part in parts]


class _Part:
    """Of one projection."""

    def __init__(self, processor: Processor, checkpoint: Checkpoint, connection: Connection, step: WideStep) -> None:
        processor.notes = Notes()
        self._counts = isinstance(processor.projection, Tally)
        self._handing = _Handing(connection)
        if step.fills:
            self._handing.fill()
        self.wanted = processor.wanted
        self.share = processor.begin(self._handing, checkpoint, wide=True)

    def of_members(self) -> FoldedPart:
        return NOTHING if self._counts else replace(self.share.part(), written=self._handing.taken())

    def counted(self) -> FoldedPart:
        return self.share.part() if self._counts else NOTHING


class _Handing(PostgresTransaction):
    """Reads as a step does, and has what it writes of some members to be handed over."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._new: Mapping[str, RowsApart] = {}
        self._moved: Mapping[str, Frontier | None] | str = {}
        self._members: list[WrittenMembers] = []

    def write(self, declared: Sequence[Table], changes: Changes) -> None:
        found = {table.name: changes.of(table) for table in declared}
        self._new = {table.name: rows_apart(table, *found[table.name]) for table in declared if any(found[table.name])}

    def move_frontiers(self, key: ProjectionKey, frontiers: Mapping[str, Frontier | None]) -> None:
        self._moved = new_frontiers(key, frontiers) if self._fills else frontiers

    def park(self, key: ProjectionKey, failures: Sequence[Failure]) -> None:
        self._members.append(WrittenMembers(self._new, self._moved, failures))

    def taken(self) -> Sequence[WrittenMembers]:
        taken, self._members = self._members, []
        return taken

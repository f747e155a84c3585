"""The changes. A safeguard that another one backs up is tried alone: its test asks it directly."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """In *file*, *before* stands once and becomes *after*; *killer* is a test, as pytest names it."""

    name: str
    file: str
    before: str
    after: str
    killer: str

    def applied(self, text: str) -> str:
        """Raises ValueError where the line is not there any more, or several times."""
        if text.count(self.before) != 1:
            raise ValueError(f"{self.name}: {self.file} has {text.count(self.before)} times: {self.before!r}")
        return text.replace(self.before, self.after)


_RUNNER: Final = "infrastructure/read_models/runner"
_VERIFICATION: Final = "infrastructure/read_models/verification"
_SQL: Final = "sql/statements/read_models"
_SEALS: Final = "sql/migrations/0022_seals.sql"
_SAFEGUARDS: Final = "tests/runner/test_safeguards.py::test_"
_TAMPERING: Final = "tests/seals/test_tampering.py::test_"
_ENTRIES: Final = "tests/seals/test_entries.py::test_"
_UNASKED: Final = "tests/seals/test_nothing_repairs_itself.py::test_"
_LANES: Final = "tests/lanes/test_lanes.py::test_"
_GAPS: Final = "tests/log/test_gap_reader.py::test_"

MUTANTS: Final = (
    # epochs, leases, checkpoints
    Mutant(
        "an operation does not raise the epoch",
        "infrastructure/read_models/operations.py",
        "held[projection.key]\n        yield transaction, checkpoint\n"
        '        transaction.connection.execute(statement("checkpoint_raise_epoch")',
        "held[projection.key]\n        yield transaction, checkpoint\n"
        '        transaction.connection.execute(statement("checkpoint_stored")',
        f"{_SAFEGUARDS}after_a_skip_a_live_runner_folds_the_member_on",
    ),
    Mutant(
        "a lease is taken without raising the epoch",
        f"{_RUNNER}/lease.py",
        'connection.execute(statement("checkpoint_raise_epoch"), key.parameters)',
        "pass",
        f"{_SAFEGUARDS}taking_a_lease_raises_the_epoch",
    ),
    Mutant(
        "the epoch is not compared",
        f"{_SQL}/checkpoint_advance.sql",
        "      and epoch = %(epoch)s\n",
        "",
        f"{_SAFEGUARDS}a_checkpoint_that_somebody_else_moved_is_not_advanced",
    ),
    Mutant(
        "the position is not compared",
        f"{_SQL}/checkpoint_advance.sql",
        "      and position = %(position)s\n",
        "",
        f"{_SAFEGUARDS}a_checkpoint_that_somebody_else_moved_is_not_advanced",
    ),
    Mutant(
        "any holder of a lease will do",
        f"{_RUNNER}/transaction.py",
        "if row is None or row[0] != _leases_of(checkpoint):",
        "if row is None:",
        f"{_SAFEGUARDS}only_who_holds_the_lease_locks_the_checkpoint",
    ),
    Mutant(
        "the runner's memory survives an epoch",
        "projections/processor.py",
        "moved = self._seen != checkpoint.standing",
        "moved = self._seen is None or self._seen[2] != checkpoint.position",
        f"{_SAFEGUARDS}after_a_skip_a_live_runner_folds_the_member_on",
    ),
    Mutant(
        "a lease that somebody holds is taken",
        f"{_RUNNER}/lease.py",
        "if not free and holder != self.holder:",
        "if False:",
        f"{_SAFEGUARDS}of_two_who_want_a_lease_the_second_is_refused",
    ),
    # the log
    Mutant(
        "whoever may fill a gap is not waited for",
        "infrastructure/log/reader.py",
        "if not left:\n            self._complete(proof.head)",
        "if True:\n            self._complete(proof.head)",
        f"{_GAPS}an_open_transaction_holds_back_what_comes_after_its_event",
    ),
    Mutant(
        "a prepared transaction holds no lock",
        "sql/statements/log/log_writers.sql",
        "  and writer.granted",
        "  and writer.granted and writer.pid is not null",
        f"{_GAPS}a_prepared_transaction_is_waited_for_until_it_is_ended",
    ),
    Mutant(
        "the log may be updated",
        "sql/migrations/0002_log.sql",
        "before update or delete or truncate on webhook_audit_log",
        "before delete or truncate on webhook_audit_log",
        "tests/database/test_role_matrix.py",
    ),
    Mutant(
        "the inbox's source is not held",
        "sql/statements/ingestion/inbox_keep.sql",
        "    order by source\n    for update\n",
        "    order by source\n",
        "tests/inbox/test_keeping.py::test_no_id_is_drawn_while_another_writer_of_the_source_has_drawn_one",
    ),
    # the fold
    Mutant(
        "a late event is folded as if it came in order",
        "projections/fold.py",
        "(frontier is not None and _place(ordered[0]) <= frontier)",
        "False",
        f"{_UNASKED}a_late_event_heals_edited_rows_where_the_log_holds",
    ),
    Mutant(
        "later events of a parked member are folded",
        "projections/batch.py",
        "        if user_id in parked:\n            continue\n",
        "",
        "tests/runner/test_parking.py::test_events_of_a_parked_member_wait_also_after_a_restart",
    ),
    Mutant(
        "a skipped position is folded",
        "projections/batch.py",
        "        if positions:\n            its = [",
        "        if False:\n            its = [",
        "tests/retraction/test_retracting.py::test_positions_that_nobody_has_folded_yet_are_left_out_when_they_come",
    ),
    # verifying
    Mutant(
        "a miscount is no issue",
        f"{_VERIFICATION}/result.py",
        "return self.in_log is not None and self.passed != self.in_log",
        "return False",
        "tests/verification/test_verify_and_repair.py::"
        "test_an_event_removed_from_the_log_is_found_and_located_and_not_repaired",
    ),
    Mutant(
        "a checkpoint beyond the log is no issue",
        f"{_VERIFICATION}/result.py",
        "return not (self.drifts or self.miscounted or self.ahead)",
        "return not (self.drifts or self.miscounted)",
        "tests/cli/test_repair.py::test_a_checkpoint_beyond_the_log_is_set_back_to_its_end",
    ),
    # seals
    Mutant(
        "recorded_at is not sealed",
        _SEALS,
        "        log.source, log.recorded_at\n",
        "        log.source\n",
        f"{_TAMPERING}a_change_is_named_with_its_place",
    ),
    Mutant(
        "a seal is not chained to the one before",
        _SEALS,
        "select sha256(coalesce(hash_before, '') || record_send((",
        "select sha256(record_send((",
        f"{_TAMPERING}a_seal_that_was_made_anew_is_not_the_one_that_the_next_was_chained_to",
    ),
    Mutant(
        "what is not settled is sealed",
        _SEALS,
        "where id >= made.first_position and id <= settled order by id limit most",
        "where id >= made.first_position order by id limit most",
        "tests/seals/test_sealing.py::test_a_position_that_an_open_transaction_may_fill_is_not_sealed",
    ),
    Mutant(
        "leaves are not compared",
        _SEALS,
        "continue when counted = made.events and found_digest = made.digest",
        "continue when counted = made.events",
        f"{_TAMPERING}two_timestamps_that_were_swapped_are_both_named",
    ),
    Mutant(
        "what is left out is read from the tables",
        _SEALS,
        "    if not exists (select from log_seal) then\n        return query\n            select 'skipped', position",
        "    if true then\n        return query\n            select 'skipped', position",
        f"{_ENTRIES}a_planted_skip_is_not_folded",
    ),
    Mutant(
        "an erasure leaves the keys",
        _SEALS,
        "        perform seal_open(sealed);\n",
        "",
        f"{_ENTRIES}the_keys_of_an_erased_persons_seals_are_gone",
    ),
    Mutant(
        "an erasure enters nothing into the chain",
        _SEALS,
        "perform seal_supersede('erase', erasure_id::text, seal_positions_of(sealed));",
        "perform seal_positions_of(sealed);",
        f"{_ENTRIES}every_seal_verifies_after_a_person_was_erased",
    ),
    Mutant(
        "heads outside are not compared",
        "sql/statements/seals/seal_heads_elsewhere.sql",
        "where seal.hash is distinct from decode(given.hash, 'hex')",
        "where false",
        f"{_TAMPERING}an_older_dump_shows_by_the_head_that_was_noted_outside",
    ),
    Mutant(
        "two sealers work at once",
        "infrastructure/seals/sealer.py",
        "            if led_by is not None:\n                return Sealed(led_by=led_by)\n",
        "",
        "tests/seals/test_sealing.py::test_one_sealer_works_and_another_takes_over_when_it_has_gone",
    ),
    # what may repair itself
    Mutant(
        "a reconciliation repairs from a log that does not hold",
        f"{_VERIFICATION}/reconcile.py",
        "    if proof.holds:\n        return True\n",
        "    return True\n",
        f"{_UNASKED}reconcile_changes_nothing_when_the_log_was_changed",
    ),
    Mutant(
        "a change after the proof is repaired from",
        f"{_VERIFICATION}/proven_log.py",
        "    if changed:\n",
        "    if False:\n",
        f"{_UNASKED}a_change_after_the_proof_is_not_repaired_from",
    ),
    Mutant(
        "a late event is folded from changed events",
        "projections/batch.py",
        "        if changed is not None:\n",
        "        if False:\n",
        f"{_UNASKED}a_late_event_parks_a_member_whose_event_was_changed",
    ),
    Mutant(
        "a late event is folded although events are lost",
        "projections/batch.py",
        "if differ(fold, rows, earlier.rows) and log.has_lost():",
        "if False:",
        f"{_UNASKED}a_late_event_parks_a_member_of_whom_an_event_was_deleted",
    ),
    Mutant(
        "a repair by hand needs no flag",
        "infrastructure/commands/changed_log.py",
        "    if from_changed_log:\n        return f",
        "    if True:\n        return f",
        f"{_UNASKED}by_hand_it_takes_a_flag_and_a_reason",
    ),
    # lanes
    Mutant(
        "a step of lanes does not look for an operation",
        f"{_RUNNER}/transaction.py",
        'if self.connection.execute(statement("lane_share"), key.parameters).fetchone() != (True,):',
        "if False:",
        f"{_LANES}an_operation_and_a_step_of_a_lane_exclude_each_other",
    ),
    Mutant(
        "an operation does not wait for steps of lanes",
        f"{_RUNNER}/transaction.py",
        '            self.connection.execute(statement("lane_exclude"), key.parameters)\n',
        "",
        f"{_LANES}an_operation_and_a_step_of_a_lane_exclude_each_other",
    ),
    Mutant(
        "a step of lanes does not ask who leads them",
        f"{_RUNNER}/transaction.py",
        "for lane in led if lane in held}",
        "for lane in held}",
        f"{_LANES}of_lanes_that_are_led_nobody_else_steps_or_takes_one",
    ),
    Mutant(
        "lanes move under another epoch",
        f"{_SQL}/lane_advance.sql",
        "      and checkpoint.epoch = %(epoch)s\n",
        "",
        f"{_LANES}lanes_that_somebody_else_moved_are_not_advanced",
    ),
    Mutant(
        "a step of lanes passes the events of all",
        "sql/statements/log/log_passed_by_lanes.sql",
        "lane_of(user_id) = any(%(lanes)s::smallint[])",
        "true",
        f"{_LANES}a_lane_that_is_folded_leaves_the_others_where_they_are_and_everybody_agrees",
    ),
    Mutant(
        "a step of lanes folds the events of all",
        "sql/statements/log/log_positions_of_lanes.sql",
        "  and lane_of(user_id) = any(%(lanes)s::smallint[])\n",
        "",
        f"{_LANES}a_lane_that_is_folded_leaves_the_others_where_they_are_and_everybody_agrees",
    ),
    Mutant(
        "what was seen of lanes before an operation is published after it",
        f"{_SQL}/lane_publish.sql",
        "      and (checkpoint.epoch, checkpoint.position) = (seen.epoch, seen.position)\n",
        "",
        f"{_LANES}what_was_seen_before_an_operation_is_not_published_after_it",
    ),
    Mutant(
        "an operation leaves the lanes apart",
        f"{_RUNNER}/lanes.py",
        "return gathered(transaction, processor, checkpoint)",
        "return checkpoint",
        f"{_LANES}drift_in_a_lane_that_is_ahead_is_found_and_repaired_where_it_stands",
    ),
    Mutant(
        "everybody is verified as far as the first lane stands",
        "projections/lanes.py",
        "return _Bounded(parked, checkpoint) if checkpoint.is_apart else parked",
        "return parked",
        f"{_LANES}a_lane_that_is_folded_leaves_the_others_where_they_are_and_everybody_agrees",
    ),
    Mutant(
        "rollups of all lanes are added up in one row",
        "sql/statements/database/rollup_maintain_function.sql",
        "current_setting('temple_ledger.lane', true)",
        "''",
        f"{_LANES}rollups_of_lanes_that_are_stepped_at_once_wait_for_nobody",
    ),
)

"""Tests that are long by their nature: `./temple test` leaves them out, and `./temple test --long` runs them alone.

Whoever names a file or a folder gets all of it. A test that is only slow has no place here: it is made quick.
"""

from collections.abc import Mapping
from typing import Final

BROWSER: Final = "a browser loads every page, and is typed into"
PAGES: Final = "whatever a page of the docs tells a reader to type is typed, one command after the other"
SERVICES: Final = "Prometheus, systemd or nginx are started, and what they see of a ledger is waited for"
PROCESSES: Final = "whole processes of a ledger start, work, and end as they are asked to or are killed"
SERVERS: Final = "servers of PostgreSQL are made, started, crashed, dumped and restored, one for each test"
KILLS: Final = "work is killed or met by others again and again, at one exchange with the database after the other"
STORM: Final = "many work at once for some seconds, so that what is rare happens"
VERBS: Final = "the verbs of the command line are typed, one after the other"
STEPS: Final = "a whole ledger goes through steps of every kind, and everything is compared after each"
MEMORY: Final = "commands read payloads of hundreds of megabytes"
PACKAGES: Final = "a package of an author is installed, and worked with from beginning to end"
OWN_TESTS: Final = "our own tests run in a copy of the project that was changed"

LONG: Final[Mapping[str, str]] = {
    "tests/archive/test_writing.py::test_killed_at_any_exchange_a_write_leaves_a_whole_archive_and_goes_on": KILLS,
    "tests/canon/test_switching.py::test_back_and_forth_under_load_nothing_is_lost_and_nothing_is_doubled": STORM,
    "tests/canon/test_trigger_storm.py": STORM,
    "tests/chaos/test_chaos.py": STORM,
    "tests/cli/test_children.py": PROCESSES,
    "tests/cli/test_columns_that_changed.py": PACKAGES,
    "tests/cli/test_dump.py": SERVERS,
    "tests/cli/test_every_verb.py::test_nothing_that_data_carries_reaches_a_terminal_raw": VERBS,
    "tests/cli/test_not_loaded.py": PACKAGES,
    "tests/cli/test_projection_versions.py": PACKAGES,
    "tests/cli/test_run.py": PROCESSES,
    "tests/cli/test_up.py": PROCESSES,
    "tests/database/test_ordinary_logins.py": SERVERS,
    "tests/deploy/test_alerts.py": SERVICES,
    "tests/deploy/test_dashboards.py": SERVICES,
    "tests/deploy/test_deploying.py": SERVICES,
    "tests/deploy/test_documented_commands.py": PAGES,
    "tests/deploy/test_rehearsals.py": SERVICES,
    "tests/deploy/test_tutorial.py": PAGES,
    "tests/deploy/test_without_accounts.py": PAGES,
    "tests/discord/test_commands.py": PROCESSES,
    "tests/discord/test_one_listener.py": PROCESSES,
    "tests/discord/test_storm.py": STORM,
    "tests/discord/test_translating.py::test_a_translator_that_is_killed_anywhere_loses_and_doubles_nothing": KILLS,
    "tests/effects/test_kills.py": KILLS,
    "tests/engines/test_members.py": PROCESSES,
    "tests/engines/test_ray.py": PROCESSES,
    "tests/engines/test_rebuilding.py": KILLS,
    "tests/engines/test_verifying.py": PROCESSES,
    "tests/erasure/test_erasing.py::test_killed_anywhere_it_goes_on_with_the_same_pseudonym": KILLS,
    "tests/eventsourcing_adapter/test_runner.py::test_nothing_is_lost_while_eight_append_and_roll_back": STORM,
    "tests/examples/test_arcade_package.py": PACKAGES,
    "tests/examples/test_first_projection.py": PAGES,
    "tests/examples/test_moderation_package.py": PACKAGES,
    "tests/examples/test_shop_source.py": PACKAGES,
    "tests/fleet/test_fleet.py": PROCESSES,
    "tests/fleet/test_listening.py": PROCESSES,
    "tests/house/test_recipes.py": OWN_TESTS,
    "tests/inbox/test_translating.py::test_killed_at_any_point_state_events_and_marks_agree": KILLS,
    "tests/log/test_gap_reader.py::test_nothing_that_happens_between_two_statements_of_a_look_is_missed": KILLS,
    "tests/log/test_memory.py": MEMORY,
    "tests/log/test_storm.py": STORM,
    "tests/model/test_model.py": STEPS,
    "tests/monitoring/test_logs.py::test_nothing_that_was_planted_comes_out_again": VERBS,
    "tests/mutants/test_mutants.py": OWN_TESTS,
    "tests/patreon/test_histories.py::test_kills_in_between_change_nothing_of_it": KILLS,
    "tests/patreon/test_receiving.py::test_what_is_sent_is_told_once_whoever_is_killed": KILLS,
    "tests/payloads/test_rows_of_a_superuser.py::test_every_command_that_reads_them_ends_in_order": VERBS,
    "tests/reach/test_storm.py": STORM,
    "tests/rebuild/test_rebuild.py::test_killed_at_any_exchange_a_rebuild_ends_right": KILLS,
    "tests/runner/test_runner.py::test_killed_at_any_exchange_rows_and_checkpoint_agree": KILLS,
    "tests/runner/test_second_process.py": PROCESSES,
    "tests/runner/test_wide_steps.py::test_killed_at_any_exchange_rows_and_checkpoint_agree": KILLS,
    "tests/seals/test_server_versions.py": SERVERS,
    "tests/test_embedded_postgres.py": SERVERS,
    "tests/versions/test_switching.py::test_another_type_stops_neither_a_runner_nor_a_program_that_reads": STORM,
    "tests/versions/test_switching.py::test_readers_of_table_and_view_meet_no_error_and_no_empty_table": STORM,
    "tests/web/test_browser.py": BROWSER,
    "tests/web/test_command.py": PROCESSES,
    "tests/web/test_odd_states.py": BROWSER,
}
"""A file, or a test of one, and why."""
MOST: Final = 60
"""Whoever needs one more makes another one quick."""


def is_long(test: str) -> bool:
    """*test* as pytest names it: `tests/web/test_browser.py::test_name[parameter]`."""
    name = test.partition("[")[0]
    return name in LONG or name.partition("::")[0] in LONG


def has_none(file: str, wanted: str) -> bool:
    """Whether none of its tests is run where pytest is given `-m` *wanted*; it is not even loaded then."""
    match wanted:
        case "long":
            return not any(each.partition("::")[0] == file for each in LONG)
        case "not long":
            return file in LONG
        case _:
            return False

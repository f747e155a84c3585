"""Every kind of fault, and which of them this machine does not allow."""

import shutil
from collections.abc import Mapping
from typing import Final

from tests.chaos import fault_commands, fault_machine, fault_runners, fault_sessions, fault_wire
from tests.chaos.plan import KINDS
from tests.chaos.server import ChaosServer
from tests.chaos.storm import Fault

FAULTS: Final[Mapping[str, Fault]] = {
    "runner killed": fault_runners.killed,
    "runner killed at an exchange with the database": fault_runners.killed_at_an_exchange,
    "runner killed at a system call": fault_runners.killed_at_a_system_call,
    "leader frozen": fault_runners.leader_frozen,
    "replay killed": fault_commands.replay_killed,
    "replay with two workers killed": fault_commands.replay_with_two_workers_killed,
    "repair killed": fault_commands.repair_killed,
    "import killed": fault_commands.import_killed,
    "erasure killed": fault_commands.erasure_killed,
    "trigger switch killed": fault_commands.trigger_switch_killed,
    "version switch killed": fault_commands.version_switch_killed,
    "lanes split or joined": fault_commands.lanes_split_or_joined,
    "backend terminated": fault_sessions.backend_terminated,
    "gap held": fault_sessions.gap_held,
    "prepared transaction": fault_sessions.prepared_transaction,
    "drift planted": fault_sessions.drift_planted,
    "commit answer of an append lost": fault_wire.answer_of_an_append_lost,
    "commit answer of a service lost": fault_wire.answer_of_a_service_lost,
    "black hole": fault_wire.black_hole,
    "receiver killed": fault_machine.receiver_killed,
    "sealer killed": fault_machine.sealer_killed,
    "listener killed": fault_machine.listener_killed,
    "server crashed": fault_machine.server_crashed,
    "disk full": fault_machine.disk_full,
    "no connections left": fault_machine.no_connections_left,
    "no descriptors left": fault_machine.no_descriptors_left,
    "clock stepped": fault_machine.clock_stepped,
}
assert FAULTS.keys() == set(KINDS)


def impossible(server: ChaosServer) -> dict[str, str]:
    """Kinds that cannot be injected here, each with the reason."""
    reasons = {
        "runner killed at a system call": None if shutil.which("strace") else "strace is not installed",
        "disk full": server.disk.why_not,
        "clock stepped": server.no_clock,
    }
    return {kind: reason for kind, reason in reasons.items() if reason is not None}

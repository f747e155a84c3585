"""What each long-running process logs in as on a server that is not ours, and why never as the owner of the ledger.

docs/database-roles.md and deploy/postgresql/logins.sql have the same logins.
"""

from dataclasses import dataclass
from typing import Final

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.statements import statement


@dataclass(frozen=True, slots=True)
class ServiceLogin:
    name: str
    roles: tuple[str, ...]

    @property
    def sql(self) -> str:
        return f"create role {self.name} login; grant {', '.join(self.roles)} to {self.name};"


RUN: Final = ServiceLogin("temple_run_service", ("temple_project", "temple_read"))
RECEIVE: Final = ServiceLogin(
    "temple_receive_service", ("temple_append", "temple_translate", "temple_tokens", "temple_read")
)
SEAL: Final = ServiceLogin("temple_seal_service", ("temple_seal", "temple_read"))
EFFECTS: Final = ServiceLogin("temple_effects_service", ("temple_deliver", "temple_read"))
"""What listens to a platform has one of its own, beside its verb."""


def require_least_login(connection: psycopg.Connection, service: ServiceLogin) -> None:
    """Raises Refused where the login is a superuser or may act as the owner: it could change the log unseen.

    An embedded server has a single account, which owns it anyway.
    """
    row = connection.execute(statement("login_standing")).fetchone()
    login, superuser, owner, embedded = row if row is not None else ("", False, False, False)
    if (superuser or owner) and not embedded:
        what = "is a superuser" if superuser else "may act as the owner of the ledger"
        raise Refused(
            f"the login {login} {what}, and a service does not log in as that: one injected statement could change the "
            f"log. As a superuser run: {service.sql} Then set TEMPLE_DATABASE_URL to log in as "
            f"{service.name}; or allow it with TEMPLE_SERVICES_AS_OWNER=true"
        )

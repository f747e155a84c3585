"""A machine to deploy on: this one, in a namespace of mounts in which what is written to /etc, /opt and so on is gone
afterwards."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.documented import ROOT

WRITTEN: Final = ("etc", "opt", "usr/local", "var/lib", "home", "run")
FOLDER: Final = Path("/mnt")
"""A file system of the namespace alone: what is written, the data of the server, root's current directory."""

NEEDED: Final = ("unshare", "nsenter", "setpriv", "runuser", "useradd", "systemd-analyze", "psql")
SETTINGS: Final = "listen_addresses=127.0.0.1", "fsync=off", "unix_socket_directories=/run/postgresql"
MOST_SECONDS: Final = 600
"""For one line: far more than it needs on a machine that does nothing else."""
HBA: Final = "local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\n"
"""As Debian has it."""


@dataclass(frozen=True)
class Typing:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Machine:
    pid: int
    environment: Mapping[str, str]

    def inside(self, command: str) -> list[str]:
        """As root, in root's current directory."""
        return ["nsenter", f"--target={self.pid}", "--mount", "bash", "-c", f"cd {FOLDER}/root; {command}"]

    def type(self, command: str, stdin: str = "", **more: str) -> Typing:
        done = subprocess.run(
            self.inside(command),
            input=stdin,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
        return Typing(done.returncode, done.stdout, done.stderr)

    def must(self, command: str, stdin: str = "", **more: str) -> str:
        done = self.type(command, stdin, **more)
        assert done.code == 0, f"{command}\nended with {done.code}\n{done.out}{done.err}"
        return done.out


def why_not_here() -> str | None:
    """The reason to skip; None where a machine can be made."""
    if os.geteuid() != 0:
        return "only root may make accounts and namespaces"
    if missing := [program for program in NEEDED if shutil.which(program) is None]:
        return f"not here: {', '.join(missing)}"
    if server_programs() is None:
        return "not here: a PostgreSQL of Debian"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "this root may not make a namespace, as in most containers"
    return None


def server_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def machine(port: int) -> Iterator[Machine]:
    """With a PostgreSQL on that port, as apt leaves it: over its socket each account as itself, else by password."""
    if reason := why_not_here():
        pytest.skip(reason)
    command = ["unshare", "--mount", "--propagation=private", "sh", "-c", "echo made; exec sleep infinity"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as held:
        try:
            assert held.stdout is not None
            assert held.stdout.readline() == "made\n"
            made = Machine(held.pid, _environment(port))
            _shield(made)
            with _serving(made):
                yield made
        finally:
            held.kill()


def _environment(port: int) -> dict[str, str]:
    path = f"{FOLDER}/programs:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "PGPORT": str(port), "LC_ALL": "C.UTF-8"}


def _shield(made: Machine) -> None:
    made.must(f"mount -t tmpfs tmpfs {FOLDER} && chmod 755 {FOLDER} && mkdir -p {FOLDER}/root")
    for place in WRITTEN:
        upper, work = FOLDER / place / "upper", FOLDER / place / "work"
        made.must(f"mkdir -p {upper} {work} && chmod 755 {upper.parent} {upper}")
        made.must(f"mount -t overlay overlay -o lowerdir=/{place},upperdir={upper},workdir={work} /{place}")
    made.must("rm -rf /etc/temple-ledger /opt/temple-ledger /usr/local/bin/temple")
    # the Python of the tests, whose packages stand in for those of the registry
    made.must(f"mkdir {FOLDER}/programs && ln -s {Path(sys.executable).resolve()} {FOLDER}/programs/python3")
    made.must(f"mkdir -p /opt/site-packages && mount --bind {_site_packages()} /opt/site-packages")


def _site_packages() -> Path:
    (found,) = (ROOT / ".venv" / "lib").glob("python3.*/site-packages")
    return found


@contextmanager
def _serving(made: Machine) -> Iterator[None]:
    programs, data = server_programs(), FOLDER / "data"
    settings = " ".join(f"-c {each}" for each in SETTINGS)
    as_postgres = "cd /; runuser -u postgres --"
    made.must(f"install -d -o postgres -m 0700 {data} && install -d -o postgres -m 0755 /run/postgresql")
    made.must(f"{as_postgres} {programs}/initdb -D {data} --encoding=UTF8 --locale=C.UTF-8 --no-sync")
    made.must(f"cat > {data}/pg_hba.conf", HBA)
    made.must(f"{as_postgres} {programs}/pg_ctl start -w -t {MOST_SECONDS} -D {data} -l {data}/log -o '{settings}'")
    try:
        yield
    finally:
        made.must(f"{as_postgres} {programs}/pg_ctl stop -w -m immediate -D {data}")

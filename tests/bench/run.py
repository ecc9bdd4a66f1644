"""Compare webadmin's pages with hand-written ones, and a million records with a thousand.

    python tests/bench/run.py [--rows 1000 1000000] [--database URI] [--requests 300]

Prints Markdown. Exit status 1 if an answer is wrong; a reach that is missed is said, no more.
"""

import argparse
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from measure import Case, Client, Person, WrongAnswerError, holds_detail, holds_list, run
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from webadmin import cursors, sorting
from webadmin.config import ConfigError
from webadmin.database import database_url
from webadmin.users import USERS

SIZE = 50
DEEP = 18_000  # the page far down; in a shorter list the one in the middle
OURS, HAND = "webadmin", "hand-written"
MOST_TIMES = 3.0  # the hand-written page's latency that ours may take
NOISE = 1.2  # up to this ratio two pages count as the same
START = 30.0  # seconds that a server may take to start
LONGEST = 150.0  # seconds that are measured at most
EMAIL, PASSWORD = "bench@example.com", "correct horse battery staple"
HERE = Path(__file__).parent
WEBADMIN = [sys.executable, "-c", "from webadmin.cli import main; main()"]


class BenchError(Exception):
    """The benchmark cannot run; the message says why."""


def main() -> int:
    """Run the comparison and return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    options = arguments()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls = {
                rows: stack.enter_context(database(options.database, rows, folder))
                for rows in options.rows
            }
            cases = [
                case for rows, url in urls.items() for case in contest(stack, rows, url, folder)
            ]
            rounds = run(cases, options.requests, LONGEST)
            software = versions(next(iter(urls.values())))
    except (WrongAnswerError, BenchError, ConfigError, SQLAlchemyError) as error:
        said = str(error) if isinstance(error, BenchError) else str(error).splitlines()[0]
        print(f"The benchmark has failed: {said}", file=sys.stderr)
        return 1
    print(f"{os.cpu_count()} cores, {software}; {rounds} requests a page.\n")
    print("\n".join(against_hand(cases)))
    print()
    print("\n".join(against_itself(cases)))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--rows", type=_rows, nargs="+", default=[1000, 1_000_000], help="records in the tables"
    )
    parser.add_argument(
        "--database",
        metavar="URI",
        help="a database of a server on which databases may be made and dropped; else SQLite",
    )
    parser.add_argument("--requests", type=_requests, default=300, help="of each page")
    return parser.parse_args()


def _rows(given: str) -> int:
    rows = int(given)
    if rows < 4 * SIZE or rows % SIZE:
        raise argparse.ArgumentTypeError(f"a multiple of {SIZE}, at least {4 * SIZE}")
    return rows


def _requests(given: str) -> int:
    if int(given) < 2:
        raise argparse.ArgumentTypeError("at least 2")
    return int(given)


@contextmanager
def database(uri: str | None, rows: int, folder: Path) -> Iterator[str]:
    """Make a database with made-up people, yield its URI, and drop it in the end."""
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
        subprocess.run(
            [*WEBADMIN, "sample", str(rows)],
            env=_environment(made, folder),
            check=True,
            timeout=LONGEST,
            stdout=subprocess.DEVNULL,
        )
        yield made
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"The records cannot be made: {error}") from None
    finally:
        if server:
            _administer(server, f"DROP DATABASE {name}")


def _administer(server: URL, statement: str) -> None:
    engine = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))


def _environment(uri: str, folder: Path) -> dict[str, str]:
    """Return the environment of a site that nobody has configured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
    return kept | {"WEBADMIN_INSTANCE_PATH": str(folder), "WEBADMIN_DATABASE_URI": uri}


def contest(stack: ExitStack, rows: int, uri: str, folder: Path) -> list[Case]:
    """Start both contestants on a database and return their pages, with what these must hold."""
    deep = min(DEEP, rows // SIZE // 2 if rows < DEEP * SIZE else DEEP)
    first, before = people(uri, 0), people(uri, (deep - 1) * SIZE - 1, 1)[0]
    far, last = people(uri, (deep - 1) * SIZE), people(uri, rows - SIZE)
    one = far[SIZE // 2]
    keys = sorting.sort_keys(USERS, USERS.ordering, database_url(uri, folder).get_backend_name())
    cursor = cursors.encode((deep - 1) * SIZE, keys, [before[0]])
    log = folder / "servers.log"
    environment = _environment(uri, folder)
    found = []
    for contestant, command, after in (
        (OURS, [*WEBADMIN, "run", "--no-init", "--port"], cursor),
        (HAND, [sys.executable, str(HERE / "handwritten.py"), uri], str(before[0])),
    ):
        client = stack.enter_context(server(command, environment, log))
        if contestant == OURS:
            add_account(environment)
            client.sign_in(EMAIL, PASSWORD)
        for page, path, check in (
            ("list", "", holds_list(first)),
            ("detail", str(one[0]), holds_detail(one)),
            (f"page {deep:,}", f"?after={after}", holds_list(far)),
            ("last page", "?before=end", holds_list(last)),
        ):
            found.append(Case(contestant, rows, page, client, f"/users/{path}", check))
    return found


def add_account(environment: dict[str, str]) -> None:
    """Make the account that asks for our pages."""
    subprocess.run(
        [*WEBADMIN, "accounts", "add", EMAIL, "--role", "admin"],
        env=environment,
        input=f"{PASSWORD}\n",
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def people(uri: str, offset: int, number: int = SIZE) -> Sequence[Person]:
    """Return people in the order of the key: what the pages are checked against."""
    statement = f"SELECT id, name, age FROM users ORDER BY id LIMIT {number} OFFSET {offset}"
    with create_engine(uri, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


@contextmanager
def server(command: list[str], environment: dict[str, str], log: Path) -> Iterator[Client]:
    """Start a server, whose command ends in a free port; yield a client; stop it in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, str(port)],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield _connected(process, port, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
            process.wait()


def _connected(process: subprocess.Popen[bytes], port: int, log: Path) -> Client:
    deadline = time.monotonic() + START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return Client(port)
        except OSError:
            time.sleep(0.05)
    said = log.read_text(errors="replace").strip().splitlines()[-5:]
    raise BenchError("A server does not start. It says:\n" + "\n".join(said))


def versions(uri: str) -> str:
    engine = create_engine(uri, poolclass=NullPool)
    with engine.connect():
        number = ".".join(map(str, engine.dialect.server_version_info or ()))
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    name = names.get(engine.dialect.name, "MariaDB")
    return f"Python {platform.python_version()}, {name} {number}"


def against_hand(cases: Sequence[Case]) -> list[str]:
    """Return the table of our pages and hand-written ones."""
    lines = [
        f"| page | records | {OURS}: median, p95 | {HAND}: median, p95 "
        "| ratio of medians | reach |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    hands = {(case.rows, case.page): case for case in cases if case.contestant == HAND}
    for ours in cases:
        if ours.contestant == OURS:
            hand = hands[ours.rows, ours.page]
            ratio = ours.median / hand.median
            lines.append(
                f"| {ours.page} | {ours.rows:,} | {_times(ours)} | {_times(hand)} "
                f"| {ratio:.2f} | {_reach(ratio, MOST_TIMES)} |"
            )
    return lines


def against_itself(cases: Sequence[Case]) -> list[str]:
    """Return the table of our pages in a long list and a short one, far down and at the top."""
    lines = [
        f"| {OURS} against itself | ratio of medians | reach |",
        "| --- | ---: | --- |",
    ]
    ours = [case for case in cases if case.contestant == OURS]
    few, many = min(case.rows for case in ours), max(case.rows for case in ours)
    short = [case for case in ours if case.rows == few]
    long = [case for case in ours if case.rows == many]
    pairs = []
    if few != many:
        pairs = [
            (f"{mine.page} of {many:,}, {other.page} of {few:,}", mine.median / other.median)
            for mine, other in zip(long, short, strict=True)
        ]
    top, _, *down = long
    pairs += [
        (f"{case.page} of {many:,}, its first page", case.median / top.median) for case in down
    ]
    return lines + [f"| {words} | {ratio:.2f} | {_reach(ratio, NOISE)} |" for words, ratio in pairs]


def _times(case: Case) -> str:
    return f"{case.median:.2f}, {case.p95:.2f} ms"


def _reach(ratio: float, most: float) -> str:
    return f"at most {most:g}: {'met' if ratio <= most else 'missed'}"


if __name__ == "__main__":
    sys.exit(main())

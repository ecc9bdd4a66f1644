"""Many people at once: nine of ten acts read, one writes; nothing fails, no update is lost.

    python tests/bench/load.py [--database URI] [--people 200] [--seconds 60] [--workers 4]
                               [--slow [N]] [--nginx] [--throughput]

It needs the extra `bench`. Prints Markdown, and puts it into the README of this folder unless it
is told only to print. Exit status 1 if anything failed or was lost; a reach that is missed is
said, no more.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import expected
from client import WrongAnswerError
from front import nginx
from measure import rates
from operations import LIST_OF
from outcome import Outcome, kinds, slowed
from report import keep
from sites import (
    HERE,
    OURS,
    BenchError,
    Site,
    add_account,
    begin,
    database,
    dbms,
    environment,
    ours,
    versions,
)
from slow import KINDS
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from webadmin.config import ConfigError

ARRIVING = 5  # seconds in which everybody comes
SIGNING_IN = 3  # at the same time: more would be slowed down as if they guessed passwords
EDITS = 0.06  # the share of acts that edit a shared user, see people.py
OLDEST = 75  # what the age of a shared user becomes, on average: half of what is allowed
FEWEST_SHARED = 4
MADE = "Made under load"  # as in people.py, which only locust can import
CLIENTS = 16


def main() -> int:
    """Run the load and return the exit status."""
    options = arguments()
    begin()
    try:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            with database(options.database, options.rows, folder) as uri:
                add_account(environment(uri, folder))
                results = measured(uri, folder, options)
                name = dbms(uri)
    except (WrongAnswerError, BenchError, ConfigError, SQLAlchemyError, OSError) as error:
        print(f"The load run has failed: {error}", file=sys.stderr)
        return 1
    for what, result in results.items():
        print(result, end="\n\n")
        if not options.only_print:
            keep(f"{what} on {name}", result)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--database",
        metavar="URI",
        help="a database of a server on which databases may be made and dropped; else SQLite",
    )
    parser.add_argument("--rows", type=int, default=100_000, help="records in the table")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between a person's acts")
    parser.add_argument(
        "--slow",
        type=int,
        nargs="?",
        const=1,
        default=0,
        metavar="N",
        help="run again beside N slow senders of each kind, idle connections, and an export",
    )
    parser.add_argument("--nginx", action="store_true", help="with nginx in front")
    parser.add_argument(
        "--throughput", action="store_true", help="also measure lists a second of 1, 2, 4 workers"
    )
    parser.add_argument("--only-print", action="store_true", help="leave README alone")
    return parser.parse_args()


def measured(uri: str, folder: Path, options: argparse.Namespace) -> dict[str, str]:
    """Run everything that was asked for and return the tables by the names of their places."""
    with_what = (
        f"{versions(uri)}; {options.rows:,} users, {options.people} people for "
        f"{options.seconds} s with {options.pause:g} s between their acts, "
        f"{options.workers} workers."
    )
    plain = load(uri, folder, options)
    front = " with nginx" if options.nginx else ""
    results = {f"load{front}": f"{with_what}\n\n{kinds(plain)}"}
    if options.slow:
        found = {"nothing": plain}
        for beside in (*([kind] for kind in KINDS), list(KINDS)):
            name = beside[0] if len(beside) == 1 else "all of these"
            found[name] = load(uri, folder, options, beside)
        results[f"slow clients{front}"] = f"{with_what}\n\n{slowed(found, options.slow)}"
    if options.throughput:
        results["throughput"] = f"{with_what.partition(';')[0]}.\n\n{throughput(uri, folder)}"
    return results


def load(
    uri: str, folder: Path, options: argparse.Namespace, beside: Sequence[str] = ()
) -> Outcome:
    """Let the people work on a server that is started for them, and check what came of it.

    Raises:
        WrongAnswerError: Something failed, or was lost.
    """
    print(f"... {options.people} people, beside {', '.join(beside) or 'nothing'}", file=sys.stderr)
    acts = options.people * options.seconds / options.pause
    shared = max(FEWEST_SHARED, math.ceil(acts * EDITS / OLDEST))
    before = prepared(uri, shared)
    with (
        ours(uri, folder, options.workers) as site,
        nginx(site, folder) if options.nginx else nullcontext(site) as entrance,
    ):
        cookies = sessions(entrance, options.people)
        with disturbed(entrance, cookies[0], options.slow, beside):
            outcome = _locust(entrance, folder, options, cookies, shared)
    if outcome.failures:
        first = "; ".join(outcome.failures[:3])
        raise WrongAnswerError(f"{len(outcome.failures)} failures: {first}")
    after = counted(uri, shared)
    for what, number in after.items():
        kind = "edit" if "edit" in what else "create"
        if number - before[what] != outcome.written.get(kind, 0):
            raise WrongAnswerError(
                f"{number - before[what]} {what}, but {outcome.written.get(kind, 0)} acknowledged"
            )
    return outcome


def prepared(uri: str, shared: int) -> dict[str, int]:
    """Make the first users those whom everybody edits; return what is there."""
    statement = text("UPDATE users SET name = 'Shared', age = 0 WHERE id <= :shared")
    with create_engine(uri, poolclass=NullPool).begin() as connection:
        connection.execute(statement, {"shared": shared})
    return counted(uri, shared)


def counted(uri: str, shared: int) -> dict[str, int]:
    """Return the numbers of which each must grow by one with each edit or create."""
    sums = f"(SELECT sum(age) AS years FROM users WHERE id <= {shared}) AS counted"
    changes = "webadmin_change WHERE resource = 'users' AND action"
    with create_engine(uri, poolclass=NullPool).connect() as connection:
        edits = int(connection.execute(text(f"SELECT years FROM {sums}")).scalar_one())
    return {
        "edits in the table": edits,
        "edits in the history": expected.count(uri, f"{changes} = 'edit'"),
        "users made": expected.count(uri, f"users WHERE name LIKE '{MADE}%'"),
        "creates in the history": expected.count(uri, f"{changes} = 'create'"),
    }


def sessions(site: Site, people: int) -> list[str]:
    """Return the cookies of a session for each of the people."""

    def cookies(_: int) -> str:
        with site.client() as client:
            before = client.cookie_header.strip().partition(": ")[2]
            for path in ("/users/", "/users/new", "/users/1"):
                client.get(path)  # so that the workers are warm
            return before

    with ThreadPoolExecutor(SIGNING_IN) as pool:
        return list(pool.map(cookies, range(people)))


@contextmanager
def disturbed(site: Site, cookie: str, number: int, beside: Sequence[str]) -> Iterator[None]:
    """Let something else go on meanwhile."""
    if not beside:
        yield
        return
    command = [sys.executable, str(HERE / "slow.py"), str(site.port), str(number), cookie, *beside]
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _locust(
    site: Site, folder: Path, options: argparse.Namespace, cookies: list[str], shared: int
) -> Outcome:
    kept, result = folder / "cookies", folder / "outcome.json"
    kept.write_text("\n".join(cookies))
    result.unlink(missing_ok=True)
    told = {
        "BENCH_COOKIES": str(kept),
        "BENCH_SHARED": str(shared),
        "BENCH_RECORDS": str(options.rows),
        "BENCH_PAUSE": str(options.pause),
        "BENCH_RESULT": str(result),
    }
    command = [sys.executable, "-m", "locust", "--headless", "--locustfile", HERE / "people.py"]
    command += ["--host", f"http://127.0.0.1:{site.port}", "--users", str(options.people)]
    command += ["--spawn-rate", str(options.people / ARRIVING)]
    command += ["--run-time", f"{options.seconds}s", "--stop-timeout", "60"]
    command += ["--only-summary", "--skip-log", "--exit-code-on-error", "0"]
    done = subprocess.run(
        command, env=dict(os.environ) | told, capture_output=True, text=True, check=False
    )
    if done.returncode or not result.exists():
        raise BenchError(f"locust fails; is the extra `bench` installed?\n{done.stderr[-2000:]}")
    return Outcome(**json.loads(result.read_text()))


def throughput(uri: str, folder: Path) -> str:
    """Return the table of lists a second by the number of workers."""
    lines = ["| workers | lists a second | of one worker |", "| ---: | ---: | ---: |"]
    first = 0.0
    for workers in (1, 2, 4):
        with ours(uri, folder, workers) as site:
            clients = [site.client() for _ in range(CLIENTS)]
            rate = rates({OURS: (clients, lambda client: client.get(LIST_OF[OURS]))})[OURS]
        first = first or rate
        lines.append(f"| {workers} | {rate:,.0f} | {rate / first:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

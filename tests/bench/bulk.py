"""Many records at once with their history: how long, and how much memory, it takes.

    python tests/bench/bulk.py [--rows 100000] [--database URI]

The site's own pages do the work, in one process. Prints Markdown; exit status 1 if the records are
not those that should be there. The database must be empty; without one a SQLite file is made.
"""

import argparse
import platform
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from sites import EMAIL, PASSWORD, add_account, environment
from sqlalchemy import func, select

from webadmin import bulk, create_app, samples, schema
from webadmin.database import db, writing
from webadmin.history import Change
from webadmin.users import USERS, User


def main() -> int:
    """Run the steps, print what they took, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--database", help="the URI of an empty database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        uri = options.database or f"sqlite:///{folder}/bulk.sqlite"
        app = create_app(
            {
                "DATABASE_URI": uri,
                "SECRET_KEY": "only for a benchmark",
                "INSTANCE_PATH": folder,
                "WTF_CSRF_ENABLED": False,
            }
        )
        with app.app_context():
            schema.upgrade()
            add_account(environment(uri, Path(folder)))
            server = f"{db.engine.dialect.name} {db.engine.dialect.driver}"
        print(f"{platform.python_version()}, {server}, {options.rows:,} records:\n")
        print("| step | seconds | of the processor | memory more |\n| --- | ---: | ---: | ---: |")
        return 0 if all(steps(app, options.rows)) else 1


def steps(app: Flask, rows: int) -> list[bool]:
    """Do each step and return whether what came of it is right."""
    client = app.test_client()
    client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    every = {"every": "1", "number": str(rows)}

    def insert() -> None:
        with app.app_context(), writing():
            bulk.insert(USERS, samples.people(rows))
            db.session.commit()

    def post(path: str, data: dict[str, str]) -> None:
        answer = client.post(path, data=data)
        assert answer.status_code == 303, (answer.status_code, answer.text[-2000:])

    def undo() -> None:
        client.get("/history/")  # takes the messages of the step before away
        page = client.get("/history/").text
        found = re.search(r'form="undo" name="batch" value="(\w+)"', page)
        assert found
        post("/history/undo", {"batch": found[1]})

    return [
        step("insert with history", insert) and count(app) == (rows, rows),
        step("set a field for all that match",
             lambda: post("/users/bulk/edit", {**every, "set": "age", "age": "7"})),
        step("undo that", undo) and count(app) == (rows, 3 * rows - 2 * same(app)),
        step("delete all that match", lambda: post("/users/bulk/delete", every)),
        step("undo that", undo) and count(app)[0] == rows,
    ]  # fmt: skip


def step(name: str, do: Callable[[], None]) -> bool:
    """Do one step and print what it took."""
    before, begun, worked = memory(), time.perf_counter(), time.process_time()
    do()
    seconds, worked = time.perf_counter() - begun, time.process_time() - worked
    print(f"| {name} | {seconds:.1f} | {worked:.1f} | {memory() - before:.0f} MB |", flush=True)
    return True


def memory() -> float:
    """Return the most memory that the process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def count(app: Flask) -> tuple[int, int]:
    """Return how many users and how many changes there are."""
    with app.app_context():
        users = db.session.scalar(select(func.count(User.id))) or 0
        return users, db.session.scalar(select(func.count(Change.id))) or 0


def same(app: Flask) -> int:
    """Return how many users had the age that was set, and so no change."""
    with app.app_context():
        return db.session.scalar(select(func.count(User.id)).where(User.age == 7)) or 0


if __name__ == "__main__":
    sys.exit(main())

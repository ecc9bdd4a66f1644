"""Rehearse and import a million users on SQLite, with history, while a reader looks on.

    python tests/bench/imports.py [--rows 1000000]

Prints Markdown: seconds, memory that this process took more, and how long a reader waited.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

from flask.testing import FlaskClient
from sites import EMAIL, PASSWORD, add_account, environment
from sqlalchemy import text

from webadmin import create_app, imports, matching, samples, schema, tables
from webadmin.database import db
from webadmin.users import USERS


def memory() -> float:
    """Return the memory of this process in MB, as Linux counts what is resident."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


class Reader(threading.Thread):
    """Reads a page of users every tenth of a second, and remembers the longest wait."""

    def __init__(self, client: FlaskClient) -> None:
        super().__init__(daemon=True)
        self.client, self.longest, self.done = client, 0.0, False

    def run(self) -> None:
        while not self.done:
            begun = time.perf_counter()
            assert self.client.get("/users/").status_code == 200
            self.longest = max(self.longest, time.perf_counter() - begun)
            time.sleep(0.1)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri = f"sqlite:///{folder / 'bench.sqlite'}"
        app = create_app({"DATABASE_URI": uri, "INSTANCE_PATH": name, "WTF_CSRF_ENABLED": False})
        raw, plain = folder / "raw.csv", folder / "plain.csv"
        with app.test_request_context("/", method="POST"):
            schema.upgrade()
            for _ in samples.add(rows):
                pass
            with raw.open("w", encoding="utf-8") as file:
                file.write("id,name,age\n")
                for row in db.session.execute(text("SELECT id, name, age FROM users")):
                    file.write(",".join("" if cell is None else str(cell) for cell in row) + "\n")
            db.session.execute(text("DELETE FROM users"))
            db.session.commit()
        add_account(environment(uri, folder))
        client = app.test_client()
        client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
        print("| step | seconds | MB more | a reader's longest wait |")
        print("| --- | ---: | ---: | ---: |")
        with app.test_request_context("/", method="POST"):
            begun = time.perf_counter()
            table = tables.prepare(raw, plain)
            print(f"| reading the file | {time.perf_counter() - begun:.1f} | | |")
            columns = matching.match(USERS, table.heading)
            choices = matching.Choices(columns=columns)
            for step, keep in (("rehearsal", False), ("import", True), ("the same again", False)):
                work = imports.Import(USERS, plain, choices, folder / "refused.csv")
                reader = Reader(client)
                reader.start()
                begun, before = time.perf_counter(), memory()
                most = before
                for _ in work.steps("bench.csv", keep):
                    most = max(most, memory())
                seconds = time.perf_counter() - begun
                reader.done = True
                reader.join()
                assert work.report.done == rows
                print(
                    f"| {step} | {seconds:.1f} | {most - before:.0f} "
                    f"| {reader.longest * 1000:.0f} ms |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

"""Measure what signing in costs: session, guard and CSRF on each list page, and one password.

    python tests/bench/signing_in.py [--rows 1000] [--database URI] [--requests 1000]

The same site answers the same request in one process, in turns as it is and with what is measured
taken out: the guard puts a fixed account in, the session is empty, the token of forms fixed.
Prints Markdown.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, g
from flask.sessions import NullSession, SessionInterface
from flask_security import hash_password, verify_password
from sites import EMAIL, PASSWORD, add_account, database, environment, versions
from sqlalchemy import event

from webadmin import auth, create_app
from webadmin.database import db
from webadmin.permissions import Role
from webadmin.sessions import SignedIn

WARM_UP = 50


class NoSession(SessionInterface):
    """A session that nobody reads from a cookie."""

    def open_session(self, app: Flask, request: Any) -> NullSession:
        """Return an empty one."""
        return NullSession()

    def save_session(self, *_: object) -> None:
        """Do nothing."""


def fixed_account() -> None:
    """Stand in for the guard."""
    account = SignedIn(1, EMAIL, Role.ADMIN, "")
    db.session.info["account"] = g.account = account


def bare(settings: dict[str, object]) -> Flask:
    """Return the site without what is measured."""
    app = create_app(settings)
    functions = app.before_request_funcs[None]
    functions[functions.index(auth.guard)] = fixed_account
    app.session_interface = NoSession()
    processors = app.template_context_processors[None]
    processors[:] = [each for each in processors if each.__module__ != "flask_wtf.csrf"]
    app.jinja_env.globals["csrf_token"] = lambda: "token"
    app.jinja_env.globals["get_flashed_messages"] = lambda **_: []
    return app


def main() -> None:
    """Make a table, sign in, and compare."""
    options = arguments()
    with (
        tempfile.TemporaryDirectory() as folder,
        database(options.database, options.rows, Path(folder)) as uri,
    ):
        add_account(environment(uri, Path(folder)))
        settings: dict[str, object] = {
            "DATABASE_URI": uri,
            "INSTANCE_PATH": folder,
            "WTF_CSRF_ENABLED": False,
        }
        whole, without = create_app(settings), bare(settings)
        print(f"{versions(uri)}; {options.requests} requests each.\n")
        print("\n".join(compare(whole, without, options.requests)))
        print()
        print("\n".join(password(whole)))
        for app in (whole, without):
            with app.app_context():
                db.engine.dispose()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--database", metavar="URI")
    parser.add_argument("--requests", type=int, default=1000)
    return parser.parse_args()


def compare(whole: Flask, without: Flask, requests: int) -> list[str]:
    """Return the table of both sites: medians, statements, and what the difference is."""
    clients = {"as it is": whole.test_client(), "without": without.test_client()}
    answer = clients["as it is"].post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 302, answer.text
    rng, seconds = random.Random(1), {name: [] for name in clients}  # type: dict[str, list[float]]
    for number in range(WARM_UP + requests):
        for name in rng.sample(list(clients), 2):
            begun = time.perf_counter()
            page = clients[name].get("/users/")
            taken = time.perf_counter() - begun
            assert page.status_code == 200
            assert page.text.count("<tr") == 51
            if number >= WARM_UP:
                seconds[name].append(taken)
    ran = {
        name: statements(app, lambda client=client: client.get("/users/"))
        for (name, client), app in zip(clients.items(), (whole, without), strict=True)
    }
    lines = ["| list of 50 users, in the process | median | statements |", "| --- | ---: | ---: |"]
    for name in clients:
        lines.append(f"| {name} | {statistics.median(seconds[name]) * 1000:.2f} ms | {ran[name]} |")
    added = statistics.median(seconds["as it is"]) - statistics.median(seconds["without"])
    more = ran["as it is"] - ran["without"]
    reach = "met" if added <= 0.001 and more <= 1 else "missed"
    lines.append(f"| added | {added * 1000:.2f} ms (at most 1: {reach}) | {more} |")
    return lines


def statements(app: Flask, act: Callable[[], object]) -> int:
    """Return how many statements something takes."""
    run: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        run.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    act()
    event.remove(engine, "before_cursor_execute", note)
    return len(run)


def password(app: Flask) -> list[str]:
    """Return how long it takes to verify a password."""
    with app.test_request_context():
        hashed = hash_password(PASSWORD)
        seconds = []
        for _ in range(15):
            begun = time.perf_counter()
            assert verify_password(PASSWORD, hashed)
            seconds.append(time.perf_counter() - begun)
    taken = statistics.median(seconds) * 1000
    reach = "met" if 50 <= taken <= 150 else "missed"
    line = f"| {taken:.0f} ms | 50 to 150: {reach} |"
    return ["| verifying a password | reach |", "| ---: | --- |", line]


if __name__ == "__main__":
    main()

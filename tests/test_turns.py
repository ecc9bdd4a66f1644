"""Requests on SQLite take turns, and nobody waits for long for one that is slow."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from webadmin.turns import PATIENCE, Turns


def answers(application: Callable[..., Iterable[bytes]], number: int) -> None:
    """Ask from so many threads at once, and wait for all."""
    threads = [threading.Thread(target=application, args=({}, None)) for _ in range(number)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def test_one_after_the_other() -> None:
    inside, most = [], []

    def application(_environ: Any, _start: Any) -> list[bytes]:
        inside.append(1)
        most.append(len(inside))
        time.sleep(PATIENCE / 20)
        inside.pop()
        return []

    answers(Turns(application), 4)
    assert most == [1, 1, 1, 1]


def test_who_has_waited_long_goes_on_without_a_turn() -> None:
    first, others = threading.Event(), []

    def application(_environ: Any, _start: Any) -> list[bytes]:
        if not others:
            others.append("slow")
            assert first.wait(10)  # until the others have answered
        else:
            others.append("quick")
            if len(others) == 4:
                first.set()
        return []

    answers(Turns(application), 4)
    assert others == ["slow", "quick", "quick", "quick"]


def test_an_error_gives_the_turn_back() -> None:
    def application(_environ: Any, _start: Any) -> list[bytes]:
        raise ZeroDivisionError

    turns = Turns(application)
    for _ in range(2):
        try:
            turns({}, None)
        except ZeroDivisionError:
            assert not turns.turn.locked()


def test_only_sqlite_has_them(app: Flask) -> None:
    found, application = False, app.wsgi_app
    while application is not None:
        found = found or isinstance(application, Turns)
        application = getattr(application, "application", None) or getattr(application, "app", None)
    assert found == app.config["DATABASE_URI"].startswith("sqlite")

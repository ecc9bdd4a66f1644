"""The people of the load run, for locust: nine of ten acts read, one writes. See load.py.

It is told in the environment: BENCH_COOKIES, a file with the cookies of a session a line;
BENCH_SHARED, how many users, from the key 1 on, everybody edits; BENCH_RECORDS, how many there
are; BENCH_PAUSE, seconds between two acts; BENCH_RESULT, the file that the outcome goes to.
"""

import itertools
import json
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from client import hidden
from locust import FastHttpUser, events, task
from operations import COMMON

SHARED, RECORDS = int(os.environ["BENCH_SHARED"]), int(os.environ["BENCH_RECORDS"])
PAUSE = float(os.environ["BENCH_PAUSE"])
COOKIES = itertools.cycle(Path(os.environ["BENCH_COOKIES"]).read_text().splitlines())
MADE = "Made under load"
TRIES = 20  # of one edit, that others come in between of

_NEXT = re.compile(r'href="(/users/\?[^"]*after=[^"]*)"')
_AGE = re.compile(r'<input\b(?=[^>]*\bname="age")[^>]*\bvalue="(\d*)"')

milliseconds: dict[str, list[float]] = {}
failures: list[str] = []
written: Counter[str] = Counter()
numbers = itertools.count(1)


@events.request.add_listener
def note(name: str, response_time: float, exception: Exception | None, **_: Any) -> None:
    """Keep what each request took, and what went wrong."""
    milliseconds.setdefault(name, []).append(response_time)
    if exception is not None:
        failures.append(f"{name}: {exception!r}")


@events.quitting.add_listener
def tell(**_: Any) -> None:
    """Write down the outcome."""
    outcome = {"milliseconds": milliseconds, "failures": failures, "written": written}
    Path(os.environ["BENCH_RESULT"]).write_text(json.dumps(outcome))


class Person(FastHttpUser):
    """Somebody who is signed in, reads most of the time, and writes now and then."""

    connection_timeout = network_timeout = 60.0
    default_headers: ClassVar = {"Accept": "text/html", "Accept-Language": "en"}

    def wait_time(self) -> float:
        """Return the seconds until the next act: the pause, more or less."""
        return random.uniform(0.5, 1.5) * PAUSE

    def on_start(self) -> None:
        """Take a session over: the answer gives its cookie anew, with the token of forms."""
        self.client.get("/users/", headers={"Cookie": next(COOKIES)}, name="list")
        self.following = ""

    def read(self, name: str, path: str, right: str = "<tr") -> str:
        """Ask for a page that must have something in it."""
        with self.client.get(path, name=name, catch_response=True) as answer:
            text = answer.text or ""
            if answer.status_code == 200 and right not in text:
                answer.failure(f"{path} has no {right}")
            return text

    @task(25)
    def list(self) -> None:
        """See the first page."""
        found = _NEXT.search(self.read("list", "/users/"))
        self.following = found[1].replace("&amp;", "&") if found else ""

    @task(20)
    def page(self) -> None:
        """See the page after the one that was seen last."""
        found = _NEXT.search(self.read("page", self.following or "/users/?before=end"))
        self.following = found[1].replace("&amp;", "&") if found else ""

    @task(15)
    def search(self) -> None:
        """Search for a name that many have."""
        self.read("search", f"/users/?q={COMMON}")

    @task(10)
    def sort(self) -> None:
        """Sort the list."""
        self.read("sort", f"/users/?sort={random.choice(('name', '-name', 'age', '-age'))}")

    @task(20)
    def detail(self) -> None:
        """See one record."""
        self.read("one record", f"/users/{random.randint(1, RECORDS)}", "<dd")

    @task(4)
    def create(self) -> None:
        """Create a user by form."""
        form = hidden(self.read("form", "/users/new", "csrf_token"))
        values = {"name": f"{MADE} {next(numbers)}", "age": "0"}
        if self.send("create", "/users/new", form | values) == 303:
            written["create"] += 1

    @task(6)
    def edit(self) -> None:
        """Add one to the age of a user whom others edit too; again where they were quicker.

        The name tells the edits apart: two who make the same of a record are not in conflict.
        """
        path = f"/users/{random.randint(1, SHARED)}/edit"
        for _ in range(TRIES):
            page = self.read("form", path, "_original")
            age = _AGE.search(page)
            if age is None:
                return
            values = {"name": f"Shared {next(numbers)}", "age": str(int(age[1] or 0) + 1)}
            status = self.send("edit", path, hidden(page) | values)
            if status == 303:
                written["edit"] += 1
            if status != 409:
                return
            written["conflict"] += 1
        failures.append(f"edit: others came in between {TRIES} times")

    def send(self, name: str, path: str, form: dict[str, str]) -> int:
        """Send a form, and see the page that it leads to; return the status of the answer.

        A conflict is a legitimate one.
        """
        with self.client.post(
            path, data=form, name=name, allow_redirects=False, catch_response=True
        ) as answer:
            status = answer.status_code
            if status in (303, 409):
                answer.success()
            else:
                answer.failure(f"{path} answers {status}")
            where = answer.headers.get("Location", "") if status == 303 else ""
        if where:
            self.read("list after a save", where)
        return status

"""Creating users by form, as fast as one client and several can: GET it, POST it, with a token."""

from collections.abc import Mapping, Sequence
from itertools import count
from threading import Lock

import expected
from client import Client, WrongAnswerError
from measure import rates
from operations import FORM_OF
from sites import OURS, Site


def creates(
    contestants: Mapping[str, Site], uri: str, numbers: Sequence[int]
) -> dict[int, dict[str, float]]:
    """Return how many users a second each contestant creates, by the number of clients.

    Args:
        contestants: Who serves the table.
        uri: The database.
        numbers: How many clients act at the same time.

    Raises:
        WrongAnswerError: A form is not taken, or the table does not have what was taken.
    """
    sites = {name: site for name, site in contestants.items() if name in FORM_OF}
    taken = {name: Taken(name) for name in sites}
    contests = {
        (name, number): ([site.client() for _ in range(number)], taken[name].create)
        for name, site in sites.items()
        for number in numbers
    }
    measured = rates(contests)
    for each in taken.values():
        each.check(uri)
    return {number: {name: measured[name, number] for name in sites} for number in numbers}


class Taken:
    """The users that a contestant says it has created."""

    def __init__(self, contestant: str) -> None:
        self.contestant = contestant
        self.numbers = count(1)
        self.acknowledged = 0
        self.lock = Lock()

    def create(self, client: Client) -> None:
        """Create one more."""
        number = next(self.numbers)
        values = {"name": f"Made by {self.contestant} {number}", "age": str(number % 100)}
        client.fill_in(FORM_OF[self.contestant], values)
        with self.lock:
            self.acknowledged += 1

    def check(self, uri: str) -> None:
        """Raise WrongAnswerError unless the table, and our history, has each of them once."""
        made = f"Made by {self.contestant} %"
        found = {"users": expected.count(uri, f"users WHERE name LIKE '{made}'")}
        if self.contestant == OURS:
            changes = "webadmin_change WHERE action = 'create' AND resource = 'users'"
            found["changes"] = expected.count(uri, changes)
        for what, number in found.items():
            if number != self.acknowledged:
                raise WrongAnswerError(
                    f"{self.contestant} has {number} {what} of {self.acknowledged} created"
                )

"""Measuring: contestants take turns, answers are checked, and what is slow sits out."""

import random
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from client import Client, WrongAnswerError

WARM_UP = 30  # rounds that are not counted
LONGEST_WARM_UP = 1.0  # seconds of them that a page takes part in
LONGEST = 4.0  # seconds of answers after which a page sits out the other rounds
FEWEST = 5  # answers of each page that are counted at least
TURNS, SECONDS = 3, 3.0  # how often, and how long, a rate is measured
SEED = 1


@dataclass
class Case:
    """One page of one contestant.

    Attributes:
        contestant: Whose page it is.
        rows: Records in the table.
        operation: What it is called in the tables.
        client: The connection to the contestant's server.
        path: What is asked for.
        check: Raises WrongAnswerError unless a page holds what it should.
        seconds: How long each answer took.
    """

    contestant: str
    rows: int
    operation: str
    client: Client
    path: str
    check: Callable[[str], None]
    seconds: list[float] = field(default_factory=list)

    def ask(self) -> None:
        """Ask for the page once, check it, and note the seconds that it took.

        Raises:
            WrongAnswerError: The page is wrong; the message says which one.
        """
        try:
            answer = self.client.get(self.path)
            self.check(answer.body.decode())
        except (WrongAnswerError, OSError, UnicodeDecodeError) as error:
            raise WrongAnswerError(
                f"{self.contestant}, {self.rows:,} records, {self.operation} ({self.path}): {error}"
            ) from error
        self.seconds.append(answer.seconds)

    def sits_out(self, fewest: int, longest: float) -> bool:
        """Return whether it has been asked for often enough, for as slow as it is."""
        return len(self.seconds) >= fewest and sum(self.seconds) > longest

    @property
    def median(self) -> float:
        """The median in milliseconds."""
        return statistics.median(self.seconds) * 1000

    @property
    def p95(self) -> float:
        """What 95 of 100 answers need at most, in milliseconds."""
        return statistics.quantiles(self.seconds, n=20, method="inclusive")[-1] * 1000


def run(cases: Sequence[Case], requests: int, longest: float = LONGEST) -> None:
    """Ask for every page `requests` times, each once a round, in an order that changes.

    So whatever else the machine does hits all contestants alike.

    Args:
        cases: The pages.
        requests: How many rounds.
        longest: Seconds of answers after which a page sits out the others.

    Raises:
        WrongAnswerError: A page is wrong.
    """
    _rounds(cases, WARM_UP, 1, LONGEST_WARM_UP)
    for case in cases:
        case.seconds.clear()
    _rounds(cases, requests, FEWEST, longest)


def _rounds(cases: Sequence[Case], number: int, fewest: int, longest: float) -> None:
    order, rng = list(cases), random.Random(SEED)
    for _ in range(number):
        rng.shuffle(order)
        for case in order:
            if not case.sits_out(fewest, longest):
                case.ask()


# One request of a client, which raises WrongAnswerError or OSError.
Act = Callable[[Client], object]


def rates(contests: Mapping[Any, tuple[Sequence[Client], Act]]) -> dict[Any, float]:
    """Return how often a second the clients of each contest act, all at once: a median of turns.

    Args:
        contests: By name the clients and what each of them does again and again.

    Raises:
        WrongAnswerError: An answer is wrong.
    """
    found: dict[Any, list[float]] = {name: [] for name in contests}
    for turn in range(TURNS + 1):
        for name, (clients, act) in contests.items():
            try:
                measured = _rate(clients, act, SECONDS if turn else SECONDS / 3)
            except (WrongAnswerError, OSError) as error:
                raise WrongAnswerError(f"{name}, {len(clients)} clients: {error}") from error
            if turn:  # the first is the warm-up
                found[name].append(measured)
    return {name: statistics.median(measured) for name, measured in found.items()}


def _rate(clients: Sequence[Client], act: Act, seconds: float) -> float:
    done: list[int] = []
    errors: list[Exception] = []
    begun = time.perf_counter()

    def work(client: Client) -> None:
        number = 0
        try:
            while time.perf_counter() - begun < seconds and not errors:
                act(client)
                number += 1
        except (WrongAnswerError, OSError) as error:
            errors.append(error)
        done.append(number)

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(done) / (time.perf_counter() - begun)

"""Measuring: one keep-alive client, answers that are checked, contestants that take turns."""

import random
import re
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import unescape
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

TIMEOUT = 20.0  # seconds that an answer may take
WARM_UP = 30  # rounds that are not counted
SEED = 1

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CELL = re.compile(r"<(t[hd])\b[^>]*>(.*?)</\1>", re.DOTALL)
_VALUE = re.compile(r"<dd\b[^>]*>(.*?)</dd>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")

Person = tuple[int, str, int | None]


class WrongAnswerError(Exception):
    """A page is not what was asked for."""


class Client:
    """One connection to a server of this machine, kept open.

    A plain socket: the time of an HTTP library would count for every contestant alike, and so
    make slow ones look better.
    """

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.cookies = ""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, path: str) -> bytes:
        """Return what asks for a page in English."""
        return (
            f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nAccept: text/html\r\n"
            f"Accept-Language: en\r\n{self.cookies}\r\n"
        ).encode()

    def sign_in(self, email: str, password: str) -> None:
        """Sign in as a person does; the requests that follow bear the cookies of the session."""
        jar = CookieJar()
        opener = build_opener(HTTPCookieProcessor(jar))
        url = f"http://{self.host}/sign-in"
        page = opener.open(url, timeout=TIMEOUT).read().decode()
        token = unescape(re.findall(r'name="csrf_token" value="([^"]*)"', page)[0])
        form = urlencode({"csrf_token": token, "email": email, "password": password})
        if opener.open(url, form.encode(), timeout=TIMEOUT).url == url:
            raise WrongAnswerError("signing in failed")
        pairs = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
        self.cookies = f"Cookie: {pairs}\r\n"

    def get(self, request: bytes) -> tuple[float, bytes]:
        """Send a request; return the seconds until the last byte of its answer, and the body.

        Raises:
            WrongAnswerError: The status is not 200, or the length is not said.
            OSError: The server does not answer.
        """
        begun = time.perf_counter()
        self.socket.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        length = _LENGTH.search(data, 0, end)
        if not data.startswith(b"HTTP/1.1 200 ") or length is None:
            raise WrongAnswerError(f"the answer begins {data[:end].splitlines()[0].decode()!r}")
        chunks = [data[end + 4 :]]
        missing = int(length[1]) - len(chunks[0])
        while missing > 0:
            chunks.append(self._more())
            missing -= len(chunks[-1])
        return time.perf_counter() - begun, b"".join(chunks)

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 17)
        if not data:
            raise ConnectionResetError("the server has closed the connection")
        return data


@dataclass
class Case:
    """One page of one contestant.

    Attributes:
        contestant: Whose page it is.
        rows: Records in the table.
        page: What it is called in the tables.
        client: The connection to the contestant's server.
        path: What is asked for.
        check: Raises WrongAnswerError unless a page holds what it should.
        seconds: How long each answer took.
    """

    contestant: str
    rows: int
    page: str
    client: Client
    path: str
    check: Callable[[str], None]
    seconds: list[float] = field(default_factory=list)

    def ask(self) -> float:
        """Ask for the page once, check it, and return the seconds that it took.

        Raises:
            WrongAnswerError: The page is wrong; the message says which one.
        """
        try:
            seconds, body = self.client.get(self.client.request(self.path))
            self.check(body.decode())
        except (WrongAnswerError, OSError, UnicodeDecodeError) as error:
            raise WrongAnswerError(
                f"{self.contestant}, {self.rows:,} records, {self.page} ({self.path}): {error}"
            ) from error
        return seconds

    @property
    def median(self) -> float:
        """The median in milliseconds."""
        return statistics.median(self.seconds) * 1000

    @property
    def p95(self) -> float:
        """What 95 of 100 answers need at most, in milliseconds."""
        return statistics.quantiles(self.seconds, n=20)[-1] * 1000


def run(cases: Sequence[Case], requests: int, longest: float) -> int:
    """Ask for every page `requests` times, each once a round, in an order that changes.

    So whatever else the machine does hits all contestants alike.

    Returns:
        How many rounds were counted: fewer where `longest` seconds were over before.

    Raises:
        WrongAnswerError: A page is wrong.
    """
    order, rng = list(cases), random.Random(SEED)
    for _ in range(WARM_UP):
        for case in order:
            case.ask()
    deadline = time.monotonic() + longest
    for done in range(requests):
        if time.monotonic() > deadline and done > 1:
            return done
        rng.shuffle(order)
        for case in order:
            case.seconds.append(case.ask())
    return requests


def holds_list(people: Sequence[Person]) -> Callable[[str], None]:
    """Return the check that the table of a page has exactly these people, in this order."""

    def check(page: str) -> None:
        _, _, body = page.partition("<tbody")
        found = []
        for row in body.partition("</tbody>")[0].split("<tr")[1:]:
            cells = [cell for _, cell in _CELL.findall(row) if "checkbox" not in cell]
            texts = [_text(cell) for cell in cells]
            found.append((texts[0], texts[1], texts[2] if texts[2].isdigit() else ""))
        if len(found) != len(wanted):
            raise WrongAnswerError(f"{len(found)} records instead of {len(wanted)}")
        for number, (there, right) in enumerate(zip(found, wanted, strict=True), 1):
            if there != right:
                raise WrongAnswerError(f"record {number} is {there} instead of {right}")

    wanted = [(str(id_), name, "" if age is None else str(age)) for id_, name, age in people]
    return check


def holds_detail(person: Person) -> Callable[[str], None]:
    """Return the check that a page shows the values of one person."""

    def check(page: str) -> None:
        found = [_text(value) for value in _VALUE.findall(page)]
        if not set(wanted) <= set(found):
            raise WrongAnswerError(f"the values are {found} instead of {wanted}")

    wanted = [str(value) for value in person if value is not None]
    return check


def _text(html: str) -> str:
    return unescape(_TAG.sub("", html)).strip()

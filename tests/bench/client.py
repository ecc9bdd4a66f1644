"""One keep-alive client that signs in, fills in forms and keeps the cookies it is given."""

import re
import socket
import time
from dataclasses import dataclass
from html import unescape
from typing import Self
from urllib.parse import urlencode

TIMEOUT = 120.0  # seconds that an answer may take: a peer may read ten million records for it
IDLE = 3.0  # seconds without a request after which a server may have closed a connection

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_COOKIE = re.compile(rb"\r\nset-cookie: *([^=;\r\n]+)=([^;\r\n]*)", re.IGNORECASE)
_INPUT = re.compile(r"<input\b[^>]*>", re.DOTALL)
_ATTRIBUTE = re.compile(r'\b(type|name|value)="([^"]*)"')


class WrongAnswerError(Exception):
    """A page is not what was asked for."""


@dataclass(frozen=True)
class Answer:
    """What a server answers: the seconds until its last byte, its status and its body."""

    seconds: float
    status: int
    body: bytes


class Client:
    """One connection to a server of this machine, kept open.

    A plain socket: the time of an HTTP library would count for every contestant alike, and so
    make slow ones look better.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.socket = _connected(port)
        self.used = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @property
    def cookie_header(self) -> str:
        """The header line that carries the cookies, or nothing."""
        pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return f"Cookie: {pairs}\r\n" if pairs else ""

    def ask(self, path: str, form: dict[str, str] | None = None) -> Answer:
        """Ask for a page in English, or send a form, and keep the cookies of the answer.

        Raises:
            WrongAnswerError: The length of the answer is not said.
            OSError: The server does not answer.
        """
        body = "" if form is None else urlencode(form)
        head = (
            f"{'GET' if form is None else 'POST'} {path} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{self.port}\r\nAccept: text/html\r\nAccept-Language: en\r\n"
        )
        if form is not None:
            head += (
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}"
                f"\r\nOrigin: http://127.0.0.1:{self.port}\r\n"
            )
        return self._exchange(f"{head}{self.cookie_header}\r\n{body}".encode())

    def _exchange(self, request: bytes) -> Answer:
        if time.perf_counter() - self.used > IDLE:
            self.socket.close()
            self.socket = _connected(self.port)
        begun = time.perf_counter()
        self.socket.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        length = _LENGTH.search(data, 0, end + 2)
        if length is None:
            raise WrongAnswerError(f"the answer has no length: {data[:end]!r}")
        chunks = [data[end + 4 :]]
        missing = int(length[1]) - len(chunks[0])
        while missing > 0:
            chunks.append(self._more())
            missing -= len(chunks[-1])
        self.used = time.perf_counter()
        for name, value in _COOKIE.findall(data, 0, end + 2):
            self.cookies[name.decode().strip()] = value.decode()
        return Answer(self.used - begun, int(data[9:12]), b"".join(chunks))

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 17)
        if not data:
            raise ConnectionResetError("the server has closed the connection")
        return data

    def get(self, path: str) -> Answer:
        """Ask for a page that must be there.

        Raises:
            WrongAnswerError: The status is not 200.
            OSError: The server does not answer.
        """
        answer = self.ask(path)
        if answer.status != 200:
            raise WrongAnswerError(f"the status of {path} is {answer.status}")
        return answer

    def fill_in(self, path: str, values: dict[str, str]) -> Answer:
        """Ask for a form and send it filled in; return the answer, with the seconds of both.

        Raises:
            WrongAnswerError: The form is not there, or was not taken: no redirect.
            OSError: The server does not answer.
        """
        page = self.get(path)
        answer = self.ask(path, hidden(page.body.decode()) | values)
        if answer.status not in (302, 303):
            raise WrongAnswerError(f"the status of the form sent to {path} is {answer.status}")
        return Answer(page.seconds + answer.seconds, answer.status, answer.body)


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of the forms on a page."""
    found = {}
    for tag in _INPUT.findall(page):
        attributes = dict(_ATTRIBUTE.findall(tag))
        if attributes.get("type") == "hidden" and "name" in attributes:
            found[attributes["name"]] = unescape(attributes.get("value", ""))
    return found

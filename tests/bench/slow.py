"""What is beside the load: slow senders, idle connections, a huge export. See load.py.

    python tests/bench/slow.py PORT NUMBER COOKIE KIND ...

It goes on until it is told to stop.
"""

import resource
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from threading import Thread

IDLE = 1000
OPEN_FILES = 4096
BODY = 100_000  # bytes that a slow sender promises


def connected(port: int) -> socket.socket:
    """Return a new connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def headers(port: int, _cookie: str) -> None:
    """Send a header a byte a second, until the server has had enough."""
    with connected(port) as link:
        link.sendall(b"GET /users/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        while True:
            link.sendall(b"x")
            time.sleep(1)


def body(port: int, cookie: str) -> None:
    """Send a form a byte a second, as somebody who is signed in."""
    with connected(port) as link:
        link.sendall(
            f"POST /users/new HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {BODY}\r\n\r\nname=".encode()
        )
        while True:
            link.sendall(b"x")
            time.sleep(1)


def idle(port: int, _cookie: str) -> None:
    """Keep connections open on which nothing is sent; open those anew that the server closes."""
    links: list[socket.socket] = []
    while True:
        links = [link for link in links if not _closed(link)]
        links += [connected(port) for _ in range(IDLE - len(links))]
        time.sleep(1)


def _closed(link: socket.socket) -> bool:
    link.setblocking(False)
    try:
        return link.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def export(port: int, cookie: str) -> None:
    """Download all users."""
    link = HTTPConnection("127.0.0.1", port, timeout=60)
    link.request("GET", "/users/export.csv", headers={"Cookie": cookie})
    answer = link.getresponse()
    while answer.read1(1 << 18):
        pass
    link.close()


KINDS: dict[str, Callable[[int, str], None]] = {
    "slow headers": headers,
    "slow bodies": body,
    "idle connections": idle,
    "an export": export,
}


def again(act: Callable[[int, str], None], port: int, cookie: str) -> None:
    """Do something for ever, whatever the server does about it."""
    while True:
        with suppress(OSError, HTTPException):
            act(port, cookie)
        time.sleep(0.1)


def main() -> None:
    """Begin, and go on until the process is ended."""
    port, number, cookie = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))
    for kind in sys.argv[4:]:
        for _ in range(number if kind.startswith("slow") else 1):
            Thread(target=again, args=(KINDS[kind], port, cookie), daemon=True).start()
    time.sleep(3600)


if __name__ == "__main__":
    main()

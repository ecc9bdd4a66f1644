"""Compare the export of a million users with a hand-written csv loop under the same server.

    python tests/bench/export.py [--rows 1000000]

Prints Markdown. Exit status 1 if a file is wrong; a reach that is missed is said, no more.
"""

import argparse
import csv
import io
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response
from run import WEBADMIN, _environment, database, server

from webadmin import server as webadmin_server

MOST_TIMES, MOST_FIRST, MOST_MEMORY = 3.0, 100.0, 30.0
ROUNDS = 3
HERE = Path(__file__).parent


@dataclass
class Measured:
    """One download: milliseconds to the first byte, seconds, bytes, and MB that it took."""

    first: float
    seconds: float
    size: int
    memory: float


def hand_written(settings: dict[str, object]) -> Flask:
    """Return the yardstick: a csv writer around a cursor of sqlite3."""
    app = Flask(__name__)
    path = str(settings["DATABASE_URI"]).removeprefix("sqlite:///")

    @app.get("/users/export.csv")
    def export() -> Response:
        return Response(loop(path), mimetype="text/csv")

    @app.get("/users/")
    def index() -> str:
        return "users"

    return app


def loop(path: str) -> Iterator[str]:
    """Yield the file in pieces of 64 KiB."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["id", "name", "age"])
    connection = sqlite3.connect(path)
    for row in connection.execute("SELECT id, name, age FROM users ORDER BY id"):
        writer.writerow(row)
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
    connection.close()


def resident(processes: Sequence[int]) -> float:
    """Return the memory of processes in MB, as Linux counts what is resident."""
    pages = [int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in processes]
    return sum(pages) * 4096 / 1e6


def workers(port: int) -> list[int]:
    """Return the processes whose command line has the port, and their children."""
    found: list[int] = []
    for number in sorted(int(each.name) for each in Path("/proc").glob("[0-9]*")):
        folder = Path(f"/proc/{number}")
        if folder.exists():
            try:
                parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
                line = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(port).encode() in line or int(parent) in found:
                found.append(number)
    return found


def download(port: int, path: str) -> Measured:
    """Download a file and return what it took."""
    processes = workers(port)
    before = most = resident(processes)
    with socket.create_connection(("127.0.0.1", port)) as link:
        begun = time.perf_counter()
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        size, first, looked, head = 0, 0.0, 0.0, b""
        while data := link.recv(1 << 18):
            now = time.perf_counter()
            if len(head) < 2000:
                head += data
                body = head.partition(b"\r\n\r\n")[2]
                first = first or (now - begun if body else 0.0)
            size += len(data)
            if now - looked > 0.05:
                looked, most = now, max(most, resident(processes))
        seconds = time.perf_counter() - begun
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"The answer begins {head[:100]!r}.")
    return Measured(first * 1000, seconds, size, most - before)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        uri = stack.enter_context(database(None, options.rows, folder))
        environment, log = _environment(uri, folder), folder / "servers.log"
        ours = [*WEBADMIN, "run", "--no-init", "--port"]
        hand = [sys.executable, str(HERE / "export.py"), "--serve", uri]
        ports = {}
        for name, command in (("webadmin", ours), ("hand-written", hand)):
            client = stack.enter_context(server(command, environment, log))
            ports[name] = int(client.host.rpartition(":")[2])
            client.get(client.request("/users/"))
        cases = [
            ("csv loop by hand", "hand-written", "/users/export.csv"),
            ("CSV", "webadmin", "/users/export.csv"),
            ("JSON Lines", "webadmin", "/users/export.jsonl"),
            (
                "CSV, one column, sorted by name",
                "webadmin",
                "/users/export.csv?sort=name&_columns=name",
            ),
            ("XLSX", "webadmin", "/users/export.xlsx"),
        ]
        found: dict[str, list[Measured]] = {name: [] for name, _, _ in cases}
        for turn in range(ROUNDS):
            for name, whose, path in cases:
                if name != "XLSX" or turn == 0:
                    found[name].append(download(ports[whose], path))
    print("\n".join(table(found)))


def table(found: dict[str, list[Measured]]) -> list[str]:
    """Return the table of the best of each."""
    yardstick = min(each.seconds for each in found["csv loop by hand"])
    lines = [
        "| file | first byte | seconds | of the loop | MB more | size |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, measured in found.items():
        first, seconds = min(m.first for m in measured), min(m.seconds for m in measured)
        memory = max(m.memory for m in measured)
        lines.append(
            f"| {name} | {first:.0f} ms | {seconds:.2f} | {seconds / yardstick:.2f} "
            f"| {memory:.0f} | {measured[0].size / 1e6:.1f} MB |"
        )
    return lines


if __name__ == "__main__":
    if "--serve" in sys.argv:
        at = webadmin_server.address("127.0.0.1", int(sys.argv[-1]))
        webadmin_server.serve(hand_written, {"DATABASE_URI": sys.argv[2]}, at)
    else:
        main()

"""Compare the export of many users with a hand-written csv loop under the same server.

    python tests/bench/export.py [--rows 1000000] [--database URI]

Prints Markdown. Exit status 1 if a file is wrong; a reach that is missed is said, no more.
"""

import argparse
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from client import TIMEOUT, Client, WrongAnswerError
from sites import (
    BenchError,
    add_account,
    begin,
    database,
    environment,
    hand_written,
    ours,
    versions,
)

MOST_MEMORY = 30.0  # MB
ROUNDS = 3
BOM = b"\xef\xbb\xbf"
EXPORT = "/users/export.csv"
BY_HAND = "csv loop by hand"


@dataclass(frozen=True)
class Measured:
    """One download.

    Attributes:
        first: Milliseconds to the first byte.
        seconds: Until the last.
        size: Bytes, without a mark of their order.
        checksum: Of these bytes.
        memory: MB that the server took more meanwhile.
    """

    first: float
    seconds: float
    size: int
    checksum: int
    memory: float


def resident(processes: Sequence[int]) -> float:
    """Return the memory of processes in MB, as Linux counts what is resident."""
    pages = [int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in processes]
    return sum(pages) * 4096 / 1e6


def workers(port: int) -> list[int]:
    """Return the processes whose command line has the port, and their children."""
    found: list[int] = []
    for number in sorted(int(each.name) for each in Path("/proc").glob("[0-9]*")):
        folder = Path(f"/proc/{number}")
        try:
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            line = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(port).encode() in line or int(parent) in found:
            found.append(number)
    return found


def download(client: Client, path: str) -> Measured:
    """Download a file with the session of a client, and return what it took.

    Raises:
        WrongAnswerError: The status is not 200.
    """
    processes = workers(client.port)
    before = most = resident(processes)
    link = HTTPConnection("127.0.0.1", client.port, timeout=TIMEOUT)
    _, _, cookies = client.cookie_header.strip().partition(": ")
    begun = time.perf_counter()
    link.request("GET", path, headers={"Cookie": cookies} if cookies else {})
    answer = link.getresponse()
    if answer.status != 200:
        raise WrongAnswerError(f"the status of {path} is {answer.status}")
    size, checksum, first, looked = 0, 0, 0.0, 0.0
    while data := answer.read1(1 << 18):
        now = time.perf_counter()
        first = first or now - begun
        data = data if size else data.removeprefix(BOM)
        size, checksum = size + len(data), zlib.crc32(data, checksum)
        if now - looked > 0.05:
            looked, most = now, max(most, resident(processes))
    seconds = time.perf_counter() - begun
    link.close()
    return Measured(first * 1000, seconds, size, checksum, most - before)


def best(measured: Sequence[Measured]) -> Measured:
    """Return the quickest of each, but of memory the most."""
    return Measured(
        min(each.first for each in measured),
        min(each.seconds for each in measured),
        measured[0].size,
        measured[0].checksum,
        max(each.memory for each in measured),
    )


def compare(cases: Mapping[str, tuple[Client, str]], rounds: int = ROUNDS) -> dict[str, Measured]:
    """Return the best of some rounds of downloads by name; one round of XLSX.

    Raises:
        WrongAnswerError: A CSV file is not the one that was written by hand.
    """
    found: dict[str, list[Measured]] = {name: [] for name in cases}
    for turn in range(rounds):
        for name, (client, path) in cases.items():
            if turn == 0 or not path.endswith(".xlsx"):
                found[name].append(download(client, path))
    result = {name: best(measured) for name, measured in found.items()}
    for name, (_, path) in cases.items():
        if path == EXPORT and result[name].checksum != result[BY_HAND].checksum:
            raise WrongAnswerError(f"the file of {name} is not that of {BY_HAND}")
    return result


def main() -> int:
    """Run the comparison and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--database", metavar="URI")
    options = parser.parse_args()
    begin()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            uri = stack.enter_context(database(options.database, options.rows, folder))
            add_account(environment(uri, folder))
            hand = stack.enter_context(hand_written(uri)).client()
            mine = stack.enter_context(ours(uri, folder)).client()
            found = compare(
                {
                    BY_HAND: (hand, EXPORT),
                    "CSV": (mine, EXPORT),
                    "JSON Lines": (mine, "/users/export.jsonl"),
                    "CSV sorted by name": (mine, f"{EXPORT}?sort=name"),
                    "XLSX": (mine, "/users/export.xlsx"),
                }
            )
            print(f"{versions(uri)}, {options.rows:,} records.\n")
    except (BenchError, WrongAnswerError, OSError) as error:
        print(f"The benchmark has failed: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(found)))
    return 0


def table(found: Mapping[str, Measured]) -> list[str]:
    """Return the table of the best of each."""
    lines = [
        "| file | first byte | seconds | of the loop | MB more | size |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, each in found.items():
        lines.append(
            f"| {name} | {each.first:.0f} ms | {each.seconds:.2f} "
            f"| {each.seconds / found[BY_HAND].seconds:.2f} "
            f"| {each.memory:.0f} | {each.size / 1e6:.1f} MB |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())

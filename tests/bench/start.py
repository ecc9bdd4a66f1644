"""Start the site as people do, many times: how long until it answers, and what a worker weighs.

    python tests/bench/start.py [--times 7]

Prints Markdown. gunicorn is measured where it is installed. Exit status 1 if a server does not
answer; a reach that is missed is said, no more.
"""

import argparse
import importlib.util
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MOST_SECONDS, MOST_MEMORY = 0.7, 90.0
TIMEOUT = 30.0
BIN = Path(sys.executable).parent
# What is typed, with the port after it.
COMMANDS: dict[str, list[str | Path]] = {
    "webadmin run": [BIN / "webadmin", "run", "--port"],
    "granian": [BIN / "granian", "--interface", "wsgi", "--blocking-threads", "4", "wsgi:app",
                "--no-log", "--port"],
    "gunicorn": [BIN / "gunicorn", "--threads", "4", "wsgi:app", "--log-level", "error", "-b"],
}  # fmt: skip


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a site that nobody has configured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as elsewhere
    return kept | {"WEBADMIN_INSTANCE_PATH": str(folder), "PYTHONPATH": str(ROOT)}


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(name: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start a server; yield it and its address, and stop it."""
    port = free_port()
    command = [*COMMANDS[name], f"127.0.0.1:{port}" if name == "gunicorn" else str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(folder), stdout=subprocess.DEVNULL
    )
    try:
        yield process, f"http://127.0.0.1:{port}/sign-in"
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def until_it_answers(process: subprocess.Popen[bytes], url: str) -> float:
    """Return the seconds until the first answer.

    Raises:
        SystemExit: There is none.
    """
    begun = time.monotonic()
    while time.monotonic() - begun < TIMEOUT and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT):
                return time.monotonic() - begun
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{url} answers {error.code}") from error
        except OSError:
            time.sleep(0.005)
    raise SystemExit(f"{process.args} does not answer")


def processes(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the ids of a server: the main process, then the workers."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [process.pid, *(int(child) for child in children)]


def cpu(process: subprocess.Popen[bytes]) -> float:
    """Return the seconds of the processor that a server has used."""
    ticks = 0
    for each in processes(process):
        stat = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Return what the worker has in memory, and its share of what it has in common, in MB."""
    found = []
    for child in processes(process)[1:]:
        lines = Path(f"/proc/{child}/smaps_rollup").read_text().splitlines()
        sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines[1:]}
        found.append((sizes["Rss:"], sizes["Pss:"]))
    return max(found)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=7)
    times = parser.parse_args().times
    names = [name for name in COMMANDS if name != "gunicorn" or importlib.util.find_spec(name)]
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; {times} starts each.\n")
    print("| server | median, least s | least of the processor | worker: RSS, PSS MB | reach |")
    print("| --- | ---: | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        subprocess.run(
            [BIN / "webadmin", "init"],
            cwd=ROOT,
            env=environment(folder),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        for name in names:
            seconds, used, sizes = [], [], (0.0, 0.0)
            for _ in range(times + 1):
                with started(name, folder) as (process, url):
                    seconds.append(until_it_answers(process, url))
                    used.append(cpu(process))
                    sizes = max(sizes, memory(process))
            del seconds[0]  # that one has compiled the modules
            median = statistics.median(seconds)
            met = median <= MOST_SECONDS and sizes[0] <= MOST_MEMORY
            print(
                f"| {name} | {median:.2f}, {min(seconds):.2f} | {min(used):.2f} "
                f"| {sizes[0]:.0f}, {sizes[1]:.0f} "
                f"| at most {MOST_SECONDS} s and {MOST_MEMORY:.0f} MB: {'met' if met else 'missed'}"
                " |",
                flush=True,
            )


if __name__ == "__main__":
    main()

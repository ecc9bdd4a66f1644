"""Workers that are killed: forked by one process, since each would take a second to start."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MASTER = """
import os, sys
def say(*words):  # at once: print() may write the end of a line later, when the worker is dead
    os.write(1, (" ".join(map(str, words)) + os.linesep).encode())
{work}
for line in sys.stdin:
    worker = os.fork()
    if worker:
        say("worker", worker)
        os.waitpid(worker, 0)
        say("dead")
    else:
        work(line.strip())
        os._exit(0)
"""


class Workers:
    """Run a function in a worker of its own for each line, one after the other.

    Args:
        work: The source of a function `work(line)`; what it says with `say(...)` is heard.
        arguments: What it finds in `sys.argv`.
    """

    def __init__(self, work: str, *arguments: str | Path) -> None:
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        self.master = subprocess.Popen(
            [sys.executable, "-c", MASTER.format(work=work), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        self.lines: list[str] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.master.stdin
        self.master.stdin.close()
        self.master.wait(20)
        assert self.master.stdout
        self.master.stdout.close()

    def begin(self, line: str, until: Callable[[list[str]], bool]) -> None:
        """Have a line worked on; return as soon as what was said is enough."""
        assert self.master.stdin
        self.lines = []
        print(line, file=self.master.stdin, flush=True)
        while not until(self.lines) or not self._worker():
            self._read()

    def kill(self) -> list[str]:
        """Kill the worker, and return all that it said."""
        with suppress(ProcessLookupError):  # it was done already
            os.kill(self._worker(), signal.SIGKILL)
        while "dead" not in self.lines:
            self._read()
        return self.lines

    def _worker(self) -> int:
        found = [int(line.split()[1]) for line in self.lines if line.startswith("worker")]
        return found[0] if found else 0

    def _read(self) -> None:
        assert self.master.stdout
        line = self.master.stdout.readline()
        assert line, "the workers' master has died"
        self.lines.append(line.strip())

"""kill -9 in the middle of edits: what was acknowledged is all there, and the history agrees."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from flask import Flask

from kin import changes
from pages import add_people, stored

TIMES = 20
# For each age that it is told, a worker of its own sets the age of a user to one more each time,
# and says so when that is acknowledged.
MASTER = """
import os, sys
from conftest import settings
from pages import edit
from webadmin import create_app
uri, folder = sys.argv[1:]
for line in sys.stdin:
    worker = os.fork()
    if worker:
        print("worker", worker, flush=True)
        os.waitpid(worker, 0)
        print("dead", flush=True)
        continue
    client = create_app(settings(uri, folder) | {"WTF_CSRF_ENABLED": False}).test_client()
    for age in range(int(line) + 1, 151):
        assert edit(client, 1, age=str(age)).status_code == 303
        print(age, flush=True)
    signal.pause()
"""


def test_edits_survive_the_death_of_their_worker(
    app: Flask, tables_uri: str, tmp_path: Path
) -> None:
    add_people(app, [("Ada", 0)])
    rng, age = random.Random(1), 0
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", f"import signal{MASTER}", tables_uri, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as master:
        assert master.stdin
        assert master.stdout
        for _ in range(TIMES):
            print(age, file=master.stdin, flush=True)
            lines: list[str] = []
            while sum(line.isdigit() for line in lines) < 2:
                lines.append(master.stdout.readline().strip())
            time.sleep(rng.uniform(0, 0.03))
            (worker,) = [line.split()[1] for line in lines if line.startswith("worker")]
            os.kill(int(worker), signal.SIGKILL)
            while "dead" not in lines:
                lines.append(master.stdout.readline().strip())
            acknowledged = max([age, *(int(line) for line in lines if line.isdigit())])
            ((_, _, age),) = stored(app)
            assert age in (acknowledged, acknowledged + 1)
            with app.app_context():
                edits = [after for after, action in changes("after", "action") if action == "edit"]
            assert edits == [f'{{"age":{number}}}' for number in range(1, age + 1)]
        master.stdin.close()
    assert age > 0

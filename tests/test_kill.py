"""kill -9 in the middle of edits: what was acknowledged is all there, and the history agrees."""

import random
import time
from pathlib import Path

from flask import Flask

from kin import changes
from pages import add_people, stored
from workers import Workers

TIMES = 20
# Sets the age of a user to one more each time, and says so when that is acknowledged.
WORK = """
import signal
from conftest import settings
from pages import edit
from webadmin import create_app
def work(line):
    uri, folder = sys.argv[1:]
    client = create_app(settings(uri, folder) | {"WTF_CSRF_ENABLED": False}).test_client()
    for age in range(int(line) + 1, 151):
        assert edit(client, 1, age=str(age)).status_code == 303
        say(age)
    signal.pause()
"""


def ages(lines: list[str]) -> list[int]:
    return [int(line) for line in lines if line.isdigit()]


def test_edits_survive_the_death_of_their_worker(
    app: Flask, tables_uri: str, tmp_path: Path
) -> None:
    add_people(app, [("Ada", 0)])
    rng, age = random.Random(1), 0
    with Workers(WORK, tables_uri, str(tmp_path)) as workers:
        for _ in range(TIMES):
            workers.begin(str(age), until=lambda lines: len(ages(lines)) == 2)
            time.sleep(rng.uniform(0, 0.03))
            acknowledged = max([age, *ages(workers.kill())])
            ((_, _, age),) = stored(app)
            assert age in (acknowledged, acknowledged + 1)
            with app.app_context():
                edits = [after for after, action in changes("after", "action") if action == "edit"]
            assert edits == [f'{{"age":{number}}}' for number in range(1, age + 1)]
    assert age > 0

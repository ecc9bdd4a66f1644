"""The start: what a page does not need is loaded when it is needed."""

import subprocess
import sys

LATER = {
    "alembic", "charset_normalizer", "flask_mail", "granian", "python_calamine", "rich",
    "sqlalchemy.dialects.postgresql", "watchfiles", "whitenoise.compress", "zxcvbn",
}  # fmt: skip
CHECK = """
import gc, sys
import webadmin.cli
print(gc.isenabled(), gc.get_freeze_count() > 10_000, *sys.modules)
"""


def test_what_is_loaded_later_and_how_garbage_is_collected() -> None:
    command = [sys.executable, "-c", CHECK]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    collects, frozen, *loaded = done.stdout.split()
    assert (collects, frozen) == ("True", "True")
    assert "flask_security" in loaded
    assert not LATER & set(loaded)


def test_who_collects_no_garbage_goes_on_without() -> None:
    check = "import gc; gc.disable(); import webadmin; print(gc.isenabled())"
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False"]

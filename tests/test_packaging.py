"""The wheel: installed in an empty environment it serves complete pages."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from conftest import missing
from signing_in import PASSWORD, Visitor

ROOT = Path(__file__).parent.parent


def clean() -> dict[str, str]:
    """Return this environment without settings of webadmin and of Python."""
    own = ("PYTHON", "WEBADMIN_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def run(*command: str | Path, cwd: Path, typed: str = "") -> str:
    """Run a command in a clean environment; return what it printed."""
    done = subprocess.run(
        command, cwd=cwd, env=clean(), input=typed, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    try:
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", ".", ROOT, cwd=folder)
    except AssertionError as error:
        missing(f"A wheel cannot be built, perhaps without a network: {error}")
    (found,) = folder.glob("webadmin-*.whl")
    return found


def test_the_wheel_holds_all_that_the_site_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("templates", "static"):
        for path in (ROOT / folder).rglob("*.*"):
            assert f"webadmin/{path.relative_to(ROOT).as_posix()}" in names
    for path in (ROOT / "webadmin").rglob("*.py"):
        assert path.relative_to(ROOT).as_posix() in names
    assert "webadmin/translations/de/LC_MESSAGES/messages.mo" in names
    assert "webadmin/py.typed" in names
    assert not [
        name
        for name in names
        if name.split("/")[0] not in ("webadmin",) and "dist-info" not in name
    ]


def test_the_wheel_serves_complete_pages_in_an_empty_environment(
    wheel: Path, tmp_path: Path
) -> None:
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    pip = (sys.executable, "-m", "pip", "--python", tmp_path / "venv" / "bin" / "python")
    try:
        run(*pip, "install", "-q", "--no-compile", wheel, cwd=tmp_path)
    except AssertionError as error:
        missing(f"The wheel's requirements cannot be installed: {error}")
    command = tmp_path / "venv" / "bin" / "webadmin"
    run(command, "sample", "3", cwd=tmp_path)
    add = ("accounts", "add", "ada@example.com", "--role", "admin")
    run(command, *add, cwd=tmp_path, typed=f"{PASSWORD}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [command, "run", "--port", str(port)], cwd=tmp_path, env=clean(), stdout=subprocess.DEVNULL
    )
    try:
        _get(f"http://127.0.0.1:{port}/healthz")
        visitor = Visitor(f"http://127.0.0.1:{port}")
        visitor.sign_in("ada@example.com")
        page = visitor.get("/users/")
        assert page.count("<tr") == 4
        for link in re.findall(r'(?:href|src)="(/[^"]*\?v=[^"]*)"', page):
            assert _get(f"http://127.0.0.1:{port}{link}")
    finally:
        server.terminate()
        assert server.wait(10) == 0


def _get(url: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url) as response:
                return response.read().decode()
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)

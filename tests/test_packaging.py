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


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without the settings of this environment; return what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
    kept.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, check=False)
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
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    try:
        run(python, "-m", "pip", "install", "-q", wheel, cwd=tmp_path)
    except AssertionError as error:
        missing(f"The wheel's requirements cannot be installed: {error}")
    command = tmp_path / "venv" / "bin" / "webadmin"
    run(command, "sample", "3", cwd=tmp_path)
    subprocess.run(
        [command, "accounts", "add", "ada@example.com", "--role", "admin"],
        cwd=tmp_path,
        input=f"{PASSWORD}\n",
        text=True,
        check=True,
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [command, "run", "--port", str(port)], cwd=tmp_path, stdout=subprocess.DEVNULL
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

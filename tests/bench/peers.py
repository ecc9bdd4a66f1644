"""Other admin sites, each in a virtual environment of its own, under the same server as ours."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sites import EMAIL, HERE, KEPT, PASSWORD, BenchError, Door, Site, server

FLASK_ADMIN, SQLADMIN, DJANGO = "Flask-Admin", "SQLAdmin", "Django admin"
COMMON = ("granian==2.8.7", "psycopg[binary]==3.3.9", "PyMySQL==1.2.4")
WSGI = ("--interface", "wsgi", "--blocking-threads", "4")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """An admin site to compare with.

    Attributes:
        name: What it is called in the tables.
        module: The module of the site, whose `app` is served; its `prepare` is run before.
        packages: What is installed for it.
        server: The options of Granian that fit it.
        door: How one signs in, where it has accounts.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    server: tuple[str, ...] = WSGI
    door: Door | None = None

    @property
    def version(self) -> str:
        """The name and the version."""
        return f"{self.name} {self.packages[0].partition('==')[2]}"


PEERS = (
    Peer(
        name=FLASK_ADMIN,
        module="peer_flask_admin",
        packages=("Flask-Admin[sqlalchemy-with-utils]==2.2.1", "SQLAlchemy==2.1.9"),
    ),
    Peer(
        name=SQLADMIN,
        module="peer_sqladmin",
        packages=("sqladmin==0.32.0", "SQLAlchemy[asyncio]==2.1.9"),
        server=("--interface", "asgi"),
    ),
    # Django 6 needs a newer Python than the oldest that webadmin runs on.
    Peer(
        name=DJANGO,
        module="peer_django",
        packages=("Django==5.2.19",),
        door=Door("/admin/login/", {"username": EMAIL, "password": PASSWORD}),
    ),
)


@contextmanager
def serving(peer: Peer, uri: str) -> Iterator[Site]:
    """Start a peer on the users of a database; its environment is made when it is not there yet.

    Raises:
        BenchError: Its packages cannot be installed, or it does not start.
    """
    programs = _environment(peer)
    environment = dict(os.environ) | {
        "BENCH_URI": uri,
        "BENCH_EMAIL": EMAIL,
        "BENCH_PASSWORD": PASSWORD,
        "PYTHONPATH": str(HERE),
    }
    prepare = f"import {peer.module}; {peer.module}.prepare()"
    _run([programs / "python", "-c", prepare], f"{peer.name} cannot be prepared", environment)
    command = [programs / "granian", *peer.server, "--workers", "1", "--log-level", "warning"]
    command += [f"{peer.module}:app", "--port"]
    parts = [str(part) for part in command]
    with server(parts, environment, name=peer.name, door=peer.door) as site:
        yield site


def _environment(peer: Peer) -> Path:
    """Return the folder of programs of a peer's virtual environment."""
    packages = [*peer.packages, *COMMON]
    digest = sha256(" ".join([sys.version, *packages]).encode()).hexdigest()[:8]
    folder = KEPT / f"{peer.module}-{digest}"
    finished = folder / "finished"
    if not finished.exists():
        print(f"Installing {peer.version} ...", file=sys.stderr)
        said = f"{peer.name} cannot be installed"
        _run([sys.executable, "-m", "venv", "--clear", folder], said)
        _run([folder / "bin" / "pip", "install", "--quiet", *packages], said)
        finished.touch()
    return folder / "bin"


def _run(command: list[str | Path], said: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{said}:\n{done.stderr.strip()[-1000:]}")

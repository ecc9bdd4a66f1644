"""The server behind `webadmin run`: Granian, with its address checked and its chatter off."""

import errno
import ipaddress
import multiprocessing
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from webadmin.config import ConfigError

STOP_TIMEOUT = 5  # seconds that a request may take to end when the server is stopped
START_TIMEOUT = 60.0
THREADS = 4  # of a worker
CONNECTIONS = 4096  # open ones of a worker, idle ones among them; further ones wait
HEADER_TIMEOUT = 10_000  # milliseconds for the head of a request, and without any request


@dataclass(frozen=True)
class Address:
    """Where the site answers.

    Attributes:
        host: The host as it was typed.
        ip: The address it stands for.
        port: A port that was free a moment ago.
    """

    host: str
    ip: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return ipaddress.ip_address(self.ip).is_loopback

    @property
    def url(self) -> str:
        """What to type into a browser on this machine."""
        host = "localhost" if ipaddress.ip_address(self.ip).is_unspecified else self.host
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"


def address(host: str, port: int) -> Address:
    """Return the address to serve at.

    Raises:
        ConfigError: It is none of this machine's, or another program uses it.
    """
    if not 1 <= port <= 65535:
        raise ConfigError(f"Port {port} is out of range: choose one from 1 to 65535.")
    try:
        family, _, _, _, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise ConfigError(
            f"The host {host!r} is not known. Use 127.0.0.1 for this machine alone, "
            "or 0.0.0.0 for every network it is in."
        ) from None
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without REUSEPORT, unlike Granian's: with it two servers would share the port silently.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(found)
            probe.listen()
        except OSError as error:
            raise ConfigError(_refusal(host, port, error)) from None
    return Address(host, str(found[0]), port)


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use by another program. Stop that one, or choose another port: "
            f"webadmin run --port {port + 1 if port < 65535 else 8000}"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than yours. Choose one above 1023, such as 8000."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine. Use 127.0.0.1, or 0.0.0.0 for all of them."
    return f"{host} port {port} cannot be used: {error.strerror}."


@dataclass(frozen=True)
class _Loader:
    """Makes the site in a worker. Where that is a new interpreter this is sent to it."""

    make: Callable[[dict[str, object]], Flask]
    overrides: dict[str, object]

    def __call__(self) -> Flask:
        # Ctrl+C reaches every process of the terminal: the first one stops the workers, in order.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        # A forked worker has the main process's handler, which would not stop it, until its own.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return self.make(self.overrides)


def serve(
    make: Callable[[dict[str, object]], Flask],
    overrides: dict[str, object],
    at: Address,
    *,
    workers: int = 1,
    watched: Sequence[Path] = (),
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        make: `create_app`.
        overrides: Its argument.
        at: Where.
        workers: How many processes.
        watched: Folders whose changes restart the workers; none: no watching.
        ready: Called once when the site answers.

    Raises:
        SystemExit: The workers could not be kept running; Granian has said why.
    """
    from granian.server import Server

    # A forked worker has all modules loaded; after a change of a source file it would keep the old.
    forks = sys.platform == "linux" and not watched
    multiprocessing.set_start_method("fork" if forks else "spawn", force=True)
    _allow_open_files()
    server = Server("webadmin", address=at.ip, port=at.port, **_options(workers, watched))
    threading.Thread(target=_wait, args=(at, ready), daemon=True).start()
    server.serve(target_loader=_Loader(make, overrides), wrap_loader=False)


def _allow_open_files() -> None:
    """Let this process and its workers open as many connections as the system lets them."""
    wanted = CONNECTIONS + 1024  # databases, files
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _options(workers: int, watched: Sequence[Path]) -> dict[str, Any]:
    """Return what Granian is told besides the address."""
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    options: dict[str, Any] = {
        "interface": Interfaces.WSGI,
        "workers": workers,
        # One thread would answer most requests a second, but whoever sends slowly, or waits for
        # another writer, would hold up everybody.
        "blocking_threads": THREADS,
        "backpressure": CONNECTIONS,
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=HEADER_TIMEOUT),
        "websockets": False,
        "log_level": LogLevels.warning,
        "respawn_failed_workers": not watched,
        "workers_kill_timeout": STOP_TIMEOUT,
        "reload": bool(watched),
        "reload_paths": list(watched),
    }
    if watched:
        options |= {"reload_filter": _source_filter(), "reload_ignore_worker_failure": True}
    return options


def _source_filter() -> type[Any]:
    from watchfiles import PythonFilter

    class SourceFilter(PythonFilter):
        """Source files only: the embedded database changes with every save."""

        def __init__(self) -> None:
            super().__init__(extra_extensions=(".html", ".css", ".js"))

    return SourceFilter


def _wait(at: Address, ready: Callable[[], None]) -> None:
    """Call `ready` as soon as something accepts connections at `at`."""
    ip = ipaddress.ip_address(at.ip)
    if ip.is_unspecified:
        ip = ipaddress.ip_address("127.0.0.1" if ip.version == 4 else "::1")
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        try:
            socket.create_connection((str(ip), at.port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            ready()
            return

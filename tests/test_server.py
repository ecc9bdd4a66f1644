"""The server: which addresses it takes, and what it says of the others."""

import errno
import socket
from collections.abc import Iterator

import pytest

from webadmin import server
from webadmin.config import ConfigError


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A port that another program listens at."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_a_free_port() -> None:
    port = free_port()
    at = server.address("127.0.0.1", port)
    assert at == server.Address("127.0.0.1", "127.0.0.1", port)
    assert at.is_loopback
    assert at.url == f"http://127.0.0.1:{port}/"


def test_every_network() -> None:
    at = server.address("0.0.0.0", free_port())
    assert not at.is_loopback
    assert at.url == f"http://localhost:{at.port}/"


def test_an_ipv6_url_has_brackets() -> None:
    assert server.Address("::1", "::1", 8000).url == "http://[::1]:8000/"
    assert server.Address("::1", "::1", 8000).is_loopback
    assert server.Address("::", "::", 8000).url == "http://localhost:8000/"


def test_a_busy_port(busy_port: int) -> None:
    with pytest.raises(ConfigError, match=f"Port {busy_port} is in use.*--port {busy_port + 1}"):
        server.address("127.0.0.1", busy_port)


def test_a_port_of_another_server_that_shares_it() -> None:
    """Granian listens with SO_REUSEPORT: two of them would answer in turns."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match="in use"):
            server.address("127.0.0.1", other.getsockname()[1])


@pytest.mark.parametrize("port", [-1, 0, 65536, 99999])
def test_a_port_out_of_range(port: int) -> None:
    with pytest.raises(ConfigError, match="choose one from 1 to 65535"):
        server.address("127.0.0.1", port)


def test_an_unknown_host() -> None:
    with pytest.raises(ConfigError, match="is not known"):
        server.address("no such host", 8000)


def test_a_host_elsewhere() -> None:
    # 192.0.2.0/24 is for documentation: no machine has an address of it (RFC 5737).
    with pytest.raises(ConfigError, match="no address of this machine"):
        server.address("192.0.2.1", 8000)


def test_a_port_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ConfigError, match="Choose one above 1023"):
        server.address("127.0.0.1", 80)

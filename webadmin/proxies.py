"""Trusted proxies: who asks, and over which scheme, as the nearest proxy says it."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def init_app(app: Flask) -> None:
    """Believe X-Forwarded-For and -Proto of the proxies in the settings, and of nobody else."""
    networks = [ipaddress.ip_network(name) for name in app.config["TRUSTED_PROXIES"]]
    if networks:
        app.wsgi_app = TrustedProxies(app.wsgi_app, networks)  # type: ignore[method-assign]


class TrustedProxies:
    """Werkzeug's ProxyFix, for requests that come from a trusted proxy.

    Args:
        app: A WSGI application.
        networks: Where trusted proxies are.
    """

    def __init__(self, app: Any, networks: Sequence[Network]) -> None:
        self.plain = app
        self.behind = ProxyFix(app, x_for=1, x_proto=1)
        self.networks = networks

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        app = self.behind if self._trusts(environ.get("REMOTE_ADDR", "")) else self.plain
        return app(environ, start_response)

    def _trusts(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # a Unix socket has none
            return False
        return any(address in network for network in self.networks)

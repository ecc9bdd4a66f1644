"""A site that really listens, and a browser that tells on every fault of a page."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from conftest import database_with_tables, missing, settings
from signing_in import cookie_entries, make_account, make_session
from webadmin import create_app
from webadmin.database import db

# The same browser without its windows takes half the time.
CHROMIUM = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
# Without these it would look for updates, components and the like.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = Axe().axe_script
TIMEOUT = 10_000  # milliseconds
SCREENSHOTS = Path(__file__).parent / "screenshots"
# Every page is looked at twice: each width and each scheme once, since axe takes long.
LOOKS = ((1280, "light"), (360, "dark"))


@dataclass
class Site:
    """A site that listens.

    Attributes:
        url: Its address, without a slash at the end.
        answered: (method, path) of each request that pages and forms made, in order.
    """

    app: Flask
    url: str = ""
    answered: list[tuple[str, str]] = field(default_factory=list)


class Quiet(WSGIRequestHandler):
    """Leaves no line in the log for each request."""

    def log_request(self, *_arguments: Any) -> None:
        """Do nothing."""


@contextmanager
def listening(app: Flask) -> Iterator[Site]:
    """Serve a site on a free port of this machine."""
    site = Site(app)

    def wsgi(environ: dict[str, Any], start_response: Any) -> Any:
        if "static" not in environ["PATH_INFO"]:
            site.answered.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
            return app(environ, start_response)
        answer = app(environ, start_response)
        try:  # Werkzeug's server leaves the file open where a browser has broken off
            return [b"".join(answer)]
        finally:
            getattr(answer, "close", lambda: None)()

    server = make_server("127.0.0.1", 0, wsgi, threaded=True, request_handler=Quiet)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site on SQLite: for what does not depend on the database."""
    app = create_app(settings(database_with_tables("sqlite", tmp_path, {}), tmp_path))
    with listening(app) as found:
        yield found
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def every_site(app: Flask) -> Iterator[Site]:
    """A site on each database in turn."""
    with listening(app) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser: one for all tests of a process."""
    found = [file for file in CHROMIUM if file.exists()]
    if not found:
        missing("These tests need Debian's package chromium-headless-shell, or chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found[0], args=ARGUMENTS)
        yield browser
        browser.close()


def until(page: Page, expression: str, seconds: int = 3) -> None:
    """Wait until a JavaScript expression is true; `wait_for_function` offends the policy."""
    for _ in range(seconds * 30):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(30)
    raise AssertionError(f"never true: {expression}")


def accessible(page: Page) -> None:
    """Fail where axe finds anything; the size of targets is a rule that it has switched off.

    It is itself a script. On a page without JavaScript it never ends, which fails here as well.
    """
    options = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    run = f"axe.run({json.dumps(options)}).then(found => {{ axe.found = found; }})"
    page.evaluate(f"() => {{ axe.found = null; {run}; }}")
    until(page, "axe.found !== null", seconds=60)
    found = AxeResults(page.evaluate("axe.found"))
    assert found.violations_count == 0, found.generate_report()


def looks_well(page: Page, name: str) -> None:
    """Fail where axe finds anything, or a page scrolls sideways; keep what it looks like."""
    SCREENSHOTS.mkdir(exist_ok=True)
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
        accessible(page)
        until(page, "document.documentElement.scrollWidth <= innerWidth")


@dataclass
class Faults:
    """What went wrong on pages while a test ran."""

    found: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Take down requests to other hosts, errors of scripts, and refusals by the policy."""
        context.on("request", lambda request: self._request(request.url))
        context.on("console", self._console)
        context.on("weberror", lambda error: self.found.append(str(error.error)))

    def _request(self, url: str) -> None:
        if urlsplit(url).hostname not in ("127.0.0.1", "localhost") and not url.startswith("data:"):
            self.found.append(f"request to {url}")

    def _console(self, message: ConsoleMessage) -> None:
        # A page that answers 404 or 409 on purpose is an "error" for the console, too.
        expected = message.text.startswith("Failed to load resource: the server responded with")
        if message.type in ("error", "warning") and not expected:
            self.found.append(f"{message.type}: {message.text}")


def sign_in(context: BrowserContext, site: Site, role: str, confirmed: bool) -> None:
    """Sign a browser in past every page, as somebody with a role."""
    app = site.app
    key = make_account(app, f"{role}@example.com", role)
    interface: Any = app.session_interface
    entries = cookie_entries(app, key, make_session(app, key))
    if not confirmed:
        entries["fs_paa"] -= 24 * 60 * 60
    with app.test_request_context():
        name = interface.get_cookie_name(app)
    value = interface.get_signing_serializer(app).dumps(entries)
    context.add_cookies(
        [{"name": name, "value": value, "url": site.url, "httpOnly": True, "sameSite": "Lax"}]
    )


Opener = Callable[..., Page]


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opener]:
    """Open a page: `opened(site, "/users/", javascript=False, width=360)`; no fault is let pass.

    Its browser is signed in as an administrator, or with another role: `signed_in="viewer"`, or
    "" for a stranger's. `confirmed=False`: long ago.
    """
    faults, contexts = Faults(), []

    def open_page(
        site: Site,
        path: str = "/",
        *,
        javascript: bool = True,
        width: int = 1280,
        height: int = 800,
        signed_in: str = "admin",
        confirmed: bool = True,
        **options: Any,
    ) -> Page:
        context = chromium.new_context(
            base_url=site.url,
            viewport={"width": width, "height": height},
            java_script_enabled=javascript,
            locale="en-GB",
            **{"reduced_motion": "reduce"} | options,
        )
        context.set_default_timeout(TIMEOUT)
        contexts.append(context)
        faults.watch(context)
        if signed_in:
            sign_in(context, site, signed_in, confirmed)
        page = context.new_page()
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults.found == []

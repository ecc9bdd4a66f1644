"""Checks of the raw request, before anything reads it; and what a request needs to begin."""

from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Request
from flask_wtf import CSRFProtect
from werkzeug.exceptions import BadRequest, LengthRequired, UnsupportedMediaType
from werkzeug.wrappers import Response

from webadmin import context, schema
from webadmin.database import begin_request, end_request, writing
from webadmin.errors import SchemaMissingError
from webadmin.messages import gettext
from webadmin.templating import account

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
# Pages that must answer without a database.
STATIC = frozenset({"static", "bootstrap.static"})
WITHOUT_DATABASE = STATIC | {"healthz", "readyz"}
# The page of a resource that takes files: they are of any encoding, and larger than forms.
UPLOAD = "import"
UPLOAD_ROOM = 10_000  # bytes that the form around a file may take
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), "
        "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"


class Tokens(CSRFProtect):  # type: ignore[misc]
    """Flask-WTF's check of forms, which looks whether a request can write before anything else."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Refuse a request that would write without the token of its session."""
        if context.request().method not in SAFE_METHODS:
            super().protect(apply_exemptions)


def init_app(app: Flask) -> None:
    """Register the checks; they come before those of the extensions."""
    app.before_request(check_host)
    app.before_request(check_encoding)
    app.before_request(check_schema)
    app.before_request(begin)
    app.after_request(add_headers)
    app.teardown_request(end)


def check_host() -> None:
    """Refuse a host that is not trusted before anything else, a redirect too."""
    _ = context.request().host  # raises SecurityError, which is a BadRequest


def check_encoding() -> None:
    """Refuse NUL and what is not UTF-8: Werkzeug would hand on "%FF" as that very text.

    Raises:
        BadRequest: In the query string or in the body.
        UnsupportedMediaType: The body is not a form.
        RequestEntityTooLarge: The body is larger than MAX_CONTENT_LENGTH.
    """
    asked = context.request()
    _check_text(unquote_to_bytes(asked.query_string))
    if asked.method not in SAFE_METHODS and asked.routing_exception is None:
        _check_body(asked)


def _check_body(asked: Request) -> None:
    chunked = "chunked" in asked.headers.get("Transfer-Encoding", "")
    if chunked and not asked.environ.get("wsgi.input_terminated"):
        raise LengthRequired  # Werkzeug would take the body for an empty one
    if asked.mimetype not in FORM_TYPES and (asked.content_length or asked.mimetype):
        raise UnsupportedMediaType
    if _is_upload(asked):
        asked.max_content_length = context.app().config["IMPORT_MAX_BYTES"] + UPLOAD_ROOM
        return  # read later, once it is known who sends it
    body = asked.get_data(cache=True, parse_form_data=False)
    if asked.mimetype == "application/x-www-form-urlencoded":
        body = unquote_to_bytes(body)
    _check_text(body)


def _is_upload(asked: Request) -> bool:
    """Return whether a file comes, for a page that writes no record."""
    name = (asked.endpoint or "").rpartition(".")[2]
    return name == UPLOAD and asked.mimetype == "multipart/form-data"


def _check_text(raw: bytes) -> None:
    problem = None
    if b"\0" in raw:
        problem = gettext("It holds a NUL character, which no text may.")
    else:
        try:
            raw.decode()
        except UnicodeDecodeError:
            problem = gettext("It holds text that is not UTF-8.")
    if problem:
        error = BadRequest()
        error.explanation = problem  # type: ignore[attr-defined]
        raise error


def check_schema() -> None:
    """Refuse to work on a database without webadmin's tables; asked until they are there.

    Raises:
        SchemaMissingError: Some migration is pending.
    """
    known = context.app().extensions
    if "webadmin_schema" in known or context.request().endpoint in WITHOUT_DATABASE:
        return
    if not schema.is_current():
        raise SchemaMissingError
    known["webadmin_schema"] = True


def begin() -> None:
    """Let the transactions of a request that writes take SQLite's write lock at once."""
    asked = context.request()
    safe = asked.method in SAFE_METHODS
    begin_request(safe)
    if not safe and not _is_upload(asked):  # nobody is to wait for a lock while a file comes
        transactions = asked.environ["webadmin.writing"] = writing()
        transactions.__enter__()


def end(_error: BaseException | None) -> None:
    """End what `begin` began."""
    end_request()
    transactions: Any = context.request().environ.pop("webadmin.writing", None)
    if transactions is not None:
        transactions.__exit__(None, None, None)


def add_headers(response: Response) -> Response:
    """Add the headers that every answer bears."""
    asked = context.request()
    response.headers.extend(HEADERS)
    if asked.is_secure:
        response.headers["Strict-Transport-Security"] = HSTS
    if asked.endpoint not in STATIC and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    _add_speculation_rules(response)
    return response


def _add_speculation_rules(response: Response) -> None:
    """Let the browser fetch the page of a record that is pointed at, before it is clicked.

    It keeps such a page in memory, for minutes, whatever Cache-Control says: what was written in
    the meantime, or a sign-out, makes it forget them (W3C, Clear Site Data; WICG, Speculation
    Rules).
    """
    if context.request().method not in SAFE_METHODS:
        response.headers["Clear-Site-Data"] = '"prefetchCache"'
    elif account() and response.status_code == 200 and response.mimetype == "text/html":
        asset: Any = context.app().jinja_env.globals["asset"]
        response.headers["Speculation-Rules"] = f'"{asset("speculation-rules.json")}"'
